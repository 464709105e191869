"""What a lead takes over and gives back, whatever happens to it in between, against a plain model."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.leads.capture.intake.lead import Lead
from services.leads.deduplication.merging.rules import Part, Taken, given_back, taken_over

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NAMES = ("company", "source", "region", "email")
VALUES = st.sampled_from([None, "a", "b", "c"])
KEYS = ("x", "y")


def lead(number: int, values: dict[str, str | None], tags: list[str], custom: dict[str, int]) -> Lead:
    nothing: dict[str, Any] = dict.fromkeys(
        (
            "phone", "phone_extension", "phone_text", "email", "email_text", "company", "source", "channel",
            "region", "product", "value_minor", "value_currency", "value_tenant_minor", "owner_id", "team_id",
            "created_by", "duplicate_of", "closed_at", "lost_reason",
        )
    )  # fmt: skip
    given = nothing | values | {"email_text": values.get("email")}
    return Lead(
        tenant_id=UUID(int=1), id=UUID(int=number), seq=1, name=f"Lead {number}", tags=tuple(tags),
        custom=custom, pipeline_id=UUID(int=2), stage="new", status="open", stage_entered_at=NOON,
        started_at=NOON, start_known=True, created_at=NOON, updated_at=NOON, **given,
    )  # fmt: skip


def leads(number: int) -> st.SearchStrategy[Lead]:
    values = st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES))
    tags = st.lists(st.sampled_from("pqr"), unique=True)
    custom = st.dictionaries(st.sampled_from(KEYS), st.integers(0, 1))
    return st.builds(lead, st.just(number), values, tags, custom)


@dataclass
class World:
    """A lead and its parts, as the product keeps them; and for each field whose value it is, as a person
    would say. `since`: fields that somebody changed since each merge.
    """

    root: Lead
    parts: dict[int, Part] = field(default_factory=dict)
    since: dict[int, set[str]] = field(default_factory=dict)
    whose: dict[str, int | None] = field(default_factory=dict)

    def merge(self, part: Lead) -> None:
        before = self.root
        self.root, taken = taken_over(self.root, part)
        self.parts[part.id.int], self.since[part.id.int] = Part(part, taken), set()
        for name in NAMES:
            if getattr(before, name) is None and getattr(part, name) is not None:
                self.whose[name] = part.id.int

    def change(self, name: str, value: str | None) -> None:
        if getattr(self.root, name) == value:
            return
        columns: dict[str, Any] = {name: value} | ({"email_text": value} if name == "email" else {})
        self.root = self.root._replace(**columns)
        self.whose[name] = None
        for changed in self.since.values():
            changed.add(name)

    def undo(self, number: int) -> None:
        part, changed = self.parts.pop(number), self.since.pop(number)
        stay = list(self.parts.items())
        self.root, takens = given_back(self.root, part, [each for _, each in stay], changed, lambda _: True)
        for (other, each), taken in zip(stay, takens, strict=True):
            self.parts[other] = Part(each.lead, taken)
        for name in NAMES:
            if self.whose.get(name) == number:
                heirs = [other for other, each in stay if getattr(each.lead, name) is not None]
                self.whose[name] = heirs[0] if heirs else None
                expected = getattr(self.parts[heirs[0]].lead, name) if heirs else None
                assert getattr(self.root, name) == expected, name


class TestUndoing:
    @given(st.data())
    def test_everybody_has_what_is_theirs_whatever_happened_in_between(self, data: st.DataObject) -> None:
        first = data.draw(leads(1))
        world, waiting = World(first), [data.draw(leads(number)) for number in (2, 3, 4)]
        originals = {each.id.int: each for each in waiting}
        touched: set[str] = set()
        for _ in range(data.draw(st.integers(1, 12))):
            what = data.draw(st.sampled_from(["merge", "undo", "change"]))
            if what == "merge" and waiting:
                world.merge(waiting.pop(data.draw(st.integers(0, len(waiting) - 1))))
            elif what == "undo" and world.parts:
                number = data.draw(st.sampled_from(sorted(world.parts)))
                world.undo(number)
                waiting.append(originals[number])
            else:
                name, value = data.draw(st.sampled_from(NAMES)), data.draw(VALUES)
                before = getattr(world.root, name)
                world.change(name, value)
                if before != value:
                    touched.add(name)
        for number in sorted(world.parts):
            world.undo(number)
        for name in set(NAMES) - touched:
            assert getattr(world.root, name) == getattr(first, name), name
        assert set(world.root.tags) == set(first.tags)
        assert world.root.custom == first.custom

    @given(leads(1), leads(2))
    def test_nothing_is_lost_and_nothing_replaced_when_taken_over(self, one: Lead, part: Lead) -> None:
        new, taken = taken_over(one, part)
        for name in NAMES:
            assert getattr(new, name) == (getattr(one, name) or getattr(part, name))
        assert set(new.tags) == {*one.tags, *part.tags}
        assert new.custom == part.custom | one.custom
        assert Taken.of(taken.told()) == taken
