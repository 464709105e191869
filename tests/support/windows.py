"""Windows in which limits count, for which no time passes."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

_LONGEST_S = 1800
_AMID_S = 50


def stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every window stand where it is: they begin and end by the wall clock, whatever a test counts."""
    now = time.time() // _LONGEST_S * _LONGEST_S + _AMID_S
    monkeypatch.setattr("limits.aio.storage.memory.time", SimpleNamespace(time=lambda: now))
