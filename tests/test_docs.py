"""The documents name only what exists: files, headings, targets of make; and the entrance stays short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MOST_LINES = {"README.md": 130, "docs/architecture.md": 80, "CONTRIBUTING.md": 80}
BASES = ROOT, ROOT / "orderflow_dash", ROOT / "assets" / "js"
CODE_PATH = re.compile(r"`((?:\.?\w+/)+(?:\w+\.(?:py|mjs|css|html|toml|yml|txt))?)`")


def name(page: Path) -> str:
    """A page's path in the repository."""
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as a forge makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    """Links to other hosts are not followed."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_path_exists(page: Path) -> None:
    """In the repository, the package or the scripts."""
    missing = [
        path
        for path in CODE_PATH.findall(page.read_text())
        if not any((base / path).exists() for base in BASES)
    ]
    assert missing == []


def test_every_make_target_exists() -> None:
    """Also those with variables."""
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        assert set(re.findall(r"`make ([a-z-]+)", page.read_text())) <= targets, name(page)


def test_every_make_target_has_a_line_of_help() -> None:
    """``make help`` prints it."""
    lines = re.findall(r"^[a-z-]+:[^=\n]*$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert [line for line in lines if " ## " not in line] == []


@pytest.mark.parametrize("folder", ["internals", "decisions"])
def test_every_page_is_in_its_index(folder: str) -> None:
    """So that a reader finds it."""
    index = (ROOT / "docs" / folder / "README.md").read_text()
    pages = {page.name for page in (ROOT / "docs" / folder).glob("*.md")} - {"README.md"}
    assert pages == set(re.findall(r"\]\(([\w-]+\.md)\)", index))


@pytest.mark.parametrize("page", MOST_LINES)
def test_the_entrance_stays_short(page: str) -> None:
    """What a stranger reads first."""
    assert len((ROOT / page).read_text().splitlines()) <= MOST_LINES[page]
