"""`./cox chaos`: names that exist, names that do not."""

from __future__ import annotations

import pytest

from tests.chaos.__main__ import main
from tests.chaos.promise import chosen, registry
from tests.support.named import UnknownName


class TestNames:
    def test_every_promise_says_what_it_claims(self) -> None:
        for name, promise in registry().items():
            assert name == promise.NAME
            assert promise.CLAIM

    def test_named_ones_are_chosen_in_the_order_given_when_written_small(self) -> None:
        assert [promise.NAME for promise in chosen(["r2", "R1"])] == ["R2", "R1"]

    def test_right_names_are_told_when_one_is_wrong(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(UnknownName, match="no promise named R99; there are: R1, R2"):
            chosen(["R99"])
        assert main(["R99"]) == 2
        assert "there are: R1" in capsys.readouterr().err

    def test_nothing_is_started_when_the_list_is_asked_for(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["R1", "--list"]) == 0
        assert capsys.readouterr().out.startswith("R1 ")
