"""Fixtures of the hub."""

from __future__ import annotations

import pytest

from tests.live.hub_bench import HubBench


@pytest.fixture
def bench() -> HubBench:
    """A hub at rest."""
    return HubBench()
