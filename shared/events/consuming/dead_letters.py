"""Dead letters for people: list, show, ask for a replay, pass over. The service's worker does what is
asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.database.connections import Raw
from shared.errors import Conflict, Invalid, NotFound
from shared.events.envelope import unpack_headers

SUMMARY = """id, consumer, event_id, state, reason, attempts, type, tenant_id, stream, aggregate_id, epoch,
    seq, topic, partition, "offset", set_aside_at, resolution, resolved_at"""


class LetterNotFound(NotFound):
    code = "dead_letter_not_found"
    title = "No such dead letter"


class LetterClosed(Conflict):
    code = "dead_letter_closed"
    title = "Somebody dealt with this dead letter already"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`state`: waiting, replay or discard (asked for), replayed, discarded."""

    id: int
    consumer: str
    event_id: UUID
    state: str
    reason: str
    attempts: int
    type: str | None
    tenant_id: UUID | None
    stream: str
    aggregate_id: UUID | None
    epoch: int | None
    seq: int | None
    topic: str
    partition: int
    offset: int
    set_aside_at: datetime
    resolution: str | None
    resolved_at: datetime | None
    headers: dict[str, str] | None = None
    value: str | None = None


def _letter(row: Any, **more: Any) -> DeadLetter:
    names = [name for name in DeadLetter.__slots__ if name not in ("headers", "value")]
    return DeadLetter(**{name: row[name] for name in names}, **more)


async def list_letters(
    raw: Raw, *, consumer: str | None = None, all_states: bool = False
) -> list[DeadLetter]:
    """The newest 1,000, oldest first; by default those that nobody dealt with."""
    rows = await raw.fetch(
        f"""select {SUMMARY} from dead_letters
        where ($1::text is null or consumer = $1) and ($2 or resolved_at is null)
        order by id desc limit 1000""",  # noqa: S608 - constant columns
        consumer,
        all_states,
    )
    return [_letter(row) for row in reversed(rows)]


async def show_letter(raw: Raw, letter: int) -> DeadLetter:
    """One with its headers and value, as far as they are text. Raises LetterNotFound."""
    row = await raw.fetchrow("select * from dead_letters where id = $1", letter)
    if row is None:
        raise LetterNotFound(f"There is no dead letter {letter}")
    headers = {name: value.decode(errors="replace") for name, value in unpack_headers(row["headers"])}
    return _letter(row, headers=headers, value=row["value"].decode(errors="replace"))


async def replay_letter(raw: Raw, letter: int) -> None:
    """Ask the worker to try it again, and what waits behind it. Raises LetterNotFound, LetterClosed."""
    await _ask(raw, letter, "replay", None)


async def discard_letter(raw: Raw, letter: int, reason: str) -> None:
    """Ask the worker to pass over it. Raises Invalid without a reason, LetterNotFound, LetterClosed."""
    if not reason.strip():
        raise Invalid("A dead letter is discarded for a reason, which is kept", code="reason_missing")
    await _ask(raw, letter, "discard", reason.strip())


async def _ask(raw: Raw, letter: int, wish: str, reason: str | None) -> None:
    tag = await raw.execute(
        "update dead_letters set state = $2, resolution = $3 where id = $1 and resolved_at is null",
        letter, wish, reason,
    )  # fmt: skip
    if tag == "UPDATE 0":
        known = await show_letter(raw, letter)
        raise LetterClosed(f"Dead letter {letter} is {known.state} since {known.resolved_at:%Y-%m-%d %H:%M}")
