"""Which row of a file was the first to say something."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.gateway.imports.rows.marks import Marks


@pytest.fixture
def marks() -> Iterator[Marks]:
    made = Marks()
    yield made
    made.close()


class TestMarks:
    def test_the_first_line_is_told_when_a_later_one_says_the_same(self, marks: Marks) -> None:
        marks.add([("phone:a", 2), ("phone:b", 3)])
        repeats, _ = marks.add([("phone:b", 7), ("phone:c", 8), ("phone:a", 9)])
        assert repeats == [("phone:b", 7, 3), ("phone:a", 9, 2)]

    def test_the_first_line_is_told_when_both_come_at_once_in_any_order(self, marks: Marks) -> None:
        repeats, _ = marks.add([("id", 9), ("id", 4), ("id", 6)])
        assert repeats == [("id", 6, 4), ("id", 9, 4)]

    def test_nothing_is_told_when_the_same_line_says_it_twice(self, marks: Marks) -> None:
        assert marks.add([("phone:a", 2), ("phone:a", 2)])[0] == []
        assert marks.add([("phone:a", 2)])[0] == []

    def test_nothing_is_told_when_there_are_no_marks(self, marks: Marks) -> None:
        assert marks.add([]) == ([], b"")

    def test_the_same_is_told_when_another_process_goes_on(self, marks: Marks) -> None:
        _, packed = marks.add([("客户:1", 2), ("客户:2", 3), ("客户:1", 4)])
        again = Marks()
        again.recall(packed)
        assert again.add([("客户:1", 5), ("客户:2", 6)])[0] == [("客户:1", 5, 2), ("客户:2", 6, 3)]
        again.close()

    def test_every_repeat_is_told_when_they_are_more_than_its_memory_holds(self) -> None:
        marks, lines = Marks(memory_kib=64), range(50_000)
        assert marks.add([(f"id:{line}", line) for line in lines])[0] == []
        again = lines[::997]
        repeats, _ = marks.add([(f"id:{line}", line + 10**6) for line in again])
        assert repeats == [(f"id:{line}", line + 10**6, line) for line in again]
        marks.close()
