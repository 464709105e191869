"""Timers keep their promises, whatever happens in whatever order."""

from __future__ import annotations

from hypothesis import settings

from tests.machines.bells import Bells

TestBells = Bells.TestCase
TestBells.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
