"""Where a consumer goes on in a partition, decided from what it stored and what the log is."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Stored:
    """What stands in `offsets`: where to go on, and the id of the record before (None: unknown, or none)."""

    next: int
    before_id: UUID | None


@dataclass(frozen=True, slots=True)
class GoOn:
    """Read from here; nothing is left to check."""

    offset: int


@dataclass(frozen=True, slots=True)
class CheckBefore:
    """Read the record at this offset first: it must be the one remembered."""

    offset: int


@dataclass(frozen=True, slots=True)
class FromBeginning:
    """The log is another one than was read: read all of it, positions drop what is known."""


@dataclass(frozen=True, slots=True)
class AcrossHole:
    """Records between what was read and the log's first are gone; good only if a republish fills them."""

    begin: int


Start = GoOn | CheckBefore | FromBeginning | AcrossHole


def where_to_start(stored: Stored, begin: int, end: int) -> Start:
    """`begin` is the first offset that the log keeps, `end` the one after its last."""
    if stored.next > end:
        return other_log(begin)
    if stored.next < begin:
        return AcrossHole(begin)
    if stored.next == begin:
        # The record before is gone with all that was before it: nothing is missing, nothing can be compared.
        return GoOn(begin)
    return CheckBefore(stored.next - 1)


def other_log(begin: int) -> Start:
    """The log is not the one that was read."""
    return FromBeginning() if begin == 0 else AcrossHole(begin)


def is_the_record(stored: Stored, offset: int, found_id: UUID | None) -> bool:
    """Whether the record read first is the one that stood before the stored place."""
    if offset != stored.next - 1:
        return False
    return stored.before_id is None or stored.before_id == found_id


def hole_message(consumer: str, where: str, next_offset: int, begin: int) -> str:
    return (
        f"{consumer} stopped at {where}: it had read up to {next_offset}, but the log now begins at {begin}; "
        "what lies between is gone. Run `cox events republish`: consumers go on by themselves afterwards."
    )
