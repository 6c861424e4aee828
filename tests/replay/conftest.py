"""Fixtures of the replay."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Served


@pytest.fixture
def replayed(serve: Callable[..., Served]) -> Callable[..., Served]:
    """Starts the app on files, as the command does."""

    def start(*files: Path, speed: float = 0.0) -> Served:
        return serve(replay=json.dumps([str(file) for file in files]), replay_speed=speed, demo=False)

    return start
