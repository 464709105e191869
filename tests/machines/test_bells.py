"""Timers keep their promises, whatever happens in whatever order."""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.machines.bells import Bells

pytestmark = pytest.mark.timeout(1500)

TestBells = Bells.TestCase
TestBells.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
