"""The pipeline keeps its promises, whatever happens in whatever order."""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.machines.pipeline import Pipeline

pytestmark = pytest.mark.timeout(1500)

TestPipeline = Pipeline.TestCase
TestPipeline.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
