import re
from pathlib import Path

import pytest

from orderflow_dash.web.assets import assets_folder
from orderflow_dash.web.theme import BLUE_ORANGE, DARK, LIGHT, PALETTES, palette

TOKENS = (assets_folder() / "css/tokens.css").read_text()


def tokens(theme: str) -> dict[str, str]:
    """The color tokens of a theme's own block of the style sheet."""
    block = next(
        body
        for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", TOKENS)
        if f'[data-bs-theme="{theme}"]' in selector and "--of-canvas" in body
    )
    return dict(re.findall(r"--of-([\w-]+): ([^;]+);", block))


def palette_tokens(theme: str) -> dict[str, str]:
    """The tokens of a panel in the other palette: those of its theme, but for what its own block says."""
    block = re.search(rf'\[data-bs-theme="{theme}"\] \.palette-blue-orange {{([^}}]*)}}', TOKENS)
    return tokens(theme) | dict(re.findall(r"--of-([\w-]+): ([^;]+);", block[1]))


def rgba(color: str) -> tuple[float, float, float, float]:
    if color.startswith("#"):
        return (*(int(color[i : i + 2], 16) for i in (1, 3, 5)), 1.0)
    red, green, blue, alpha = (float(part) for part in re.findall(r"[\d.]+", color))
    return red, green, blue, alpha


def over(color: str, ground: tuple[float, float, float]) -> tuple[float, float, float]:
    """A color as it looks on a ground."""
    *channels, alpha = rgba(color)
    return tuple(alpha * c + (1 - alpha) * g for c, g in zip(channels, ground, strict=True))


def contrast(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """WCAG 2 contrast ratio."""

    def luminance(color: tuple[float, float, float]) -> float:
        linear = [
            c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in color
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [DARK, LIGHT])
def test_charts_use_the_colors_of_the_page(theme: str) -> None:
    """Each color passed to Plotly equals the CSS token of its name."""
    css = tokens(theme)
    for name, color in PALETTES[theme]._asdict().items():
        assert css[name.replace("_", "-")] == color, name
    for name, color in BLUE_ORANGE[theme]._asdict().items():
        assert palette_tokens(theme)[name.replace("_", "-")] == color, name


@pytest.mark.parametrize("theme", [DARK, LIGHT])
@pytest.mark.parametrize("ground", ["surface", "canvas", "raised", "ask-tint", "bid-tint", "warn-tint"])
@pytest.mark.parametrize("text", ["text", "muted", "ask", "bid", "warn", "accent"])
def test_text_is_readable_on_every_ground(theme: str, ground: str, text: str) -> None:
    """WCAG AA: at least 4.5 to 1."""
    for css in (tokens(theme), palette_tokens(theme)):
        surface = rgba(css["surface"])[:3]
        assert contrast(rgba(css[text])[:3], over(css[ground], surface)) >= 4.5


@pytest.mark.parametrize("theme", [DARK, LIGHT])
def test_controls_are_visible(theme: str) -> None:
    """WCAG AA: the edge of a control has at least 3 to 1."""
    css = tokens(theme)
    assert contrast(rgba(css["line-strong"])[:3], rgba(css["surface"])[:3]) >= 3


def test_an_unknown_theme_is_dark() -> None:
    """What a browser sends as its theme breaks nothing."""
    assert palette("light") is PALETTES[LIGHT]
    for theme in ("dark", None, 3, "neon"):
        assert palette(theme) is PALETTES[DARK]
        assert palette(theme, "blue-orange") is BLUE_ORANGE[DARK]


def test_no_asset_is_loaded_from_another_host() -> None:
    """Style sheets import nothing, and none of our scripts names a host."""
    for path in Path(assets_folder()).rglob("*"):
        if path.suffix == ".css":
            assert not re.search(r"@import|url\([\"']?(https?:)?//", path.read_text()), path.name
        if path.suffix in (".js", ".mjs") and path.parent.name != "vendor":
            assert "://" not in path.read_text(), path.name
