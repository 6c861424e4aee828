"""Fixtures of the export's tests."""

from __future__ import annotations

import pytest

from tests.live.hub_bench import HubBench, at
from tests.web.api.export_client import key_of


@pytest.fixture
def setting() -> HubBench:
    """A hub that streams BTCUSDT, with trades of three minutes."""
    setting = HubBench()
    setting.hub.lease("somebody", key_of(setting))
    setting.source.give(at(1), at(2, quantity=-9), at(3, 1, -4, 1_003), at(4, 2, 7, 1_010))
    return setting
