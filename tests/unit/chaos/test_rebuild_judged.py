"""R10 fails when a rebuild says anything else than it must."""

from __future__ import annotations

import pytest

from tests.chaos.promise import Outcome
from tests.chaos.promises.r10 import _judge

NOTHING = {"facts": 0, "cells": 0, "states": 0}


class TestJudge:
    def test_it_holds_when_nothing_was_compared_first_and_nothing_differs_then(self) -> None:
        outcome = Outcome("R10", 1, full=False)
        _judge(None, NOTHING, outcome)
        assert outcome.held

    @pytest.mark.parametrize(
        ("emptied", "again"),
        [(NOTHING, NOTHING), (None, None), (None, {**NOTHING, "cells": 3})],
    )
    def test_it_fails_when_emptied_tables_were_compared_or_a_number_differs(
        self, emptied: dict[str, int] | None, again: dict[str, int] | None
    ) -> None:
        outcome = Outcome("R10", 1, full=False)
        _judge(emptied, again, outcome)
        assert not outcome.held
