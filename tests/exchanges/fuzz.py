"""Arbitrary JSON with a venue's own names in it, and what must hold for whatever a parser makes of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from orderflow_dash.exchanges.protocol import FrameError, StreamProtocol, TradeBatch
from tests.exchanges.frames import NOW


def json_values(names: Sequence[str], texts: Sequence[str], max_leaves: int = 12) -> st.SearchStrategy[Any]:
    """Any JSON value; objects have the venue's field names, some texts are the venue's."""
    numbers = st.integers(-(2**63), 2**63) | st.floats()
    leaves = st.none() | st.booleans() | numbers | st.text(max_size=6) | st.sampled_from(texts)
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(names), inner, max_size=5)
        ),
        max_leaves=max_leaves,
    )


def assert_only_frame_errors(protocol: StreamProtocol, frame: str | bytes) -> None:
    """Any exception but FrameError fails the test, and so does an impossible trade."""
    try:
        event = protocol.receive(frame, NOW)
    except FrameError:
        return
    if isinstance(event, TradeBatch):
        assert event.uids is None or len(event.trades) == len(event.uids)
        for time, order, price, quantity in event.trades:
            assert (price > 0 and quantity) or (price == quantity == 0 and event.excluded)
            assert min(time, order) >= 0


def assert_only_value_errors(*parses: Callable[[], object]) -> None:
    """Any exception but ValueError fails the test."""
    for parse in parses:
        with contextlib.suppress(ValueError):
            parse()
