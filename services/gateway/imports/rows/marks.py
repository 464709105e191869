"""Which row of a file was the first to say something: an id, or a phone by its digest."""

from __future__ import annotations

import asyncio
import sqlite3
import struct
from collections.abc import Iterable, Sequence
from hashlib import sha256
from operator import itemgetter
from threading import Lock
from uuid import UUID

from shared.database.transactions import Tx

_ENTRY = struct.Struct(">16si")
_KEEP = """insert into import_seen (tenant_id, import_id, last, content) values ($1, $2, $3, $4)
    on conflict do nothing"""
_KEPT = """select last, content from import_seen
    where tenant_id = $1 and import_id = $2 and last > $3 order by last limit 1"""


class Marks:
    """The first line of each mark; for any thread. What `memory_kib` does not hold lies in a file of its own,
    gone with this.
    """

    def __init__(self, memory_kib: int = 32 * 1024) -> None:
        # Whoever is cancelled leaves the thread behind that works for them.
        self._alone = Lock()
        self._known = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for setting in (f"cache_size = -{memory_kib}", "journal_mode = off", "synchronous = off"):
            self._known.execute(f"pragma {setting}")
        self._known.execute("create table marks (mark blob primary key, line integer not null) without rowid")

    def add(self, marks: Sequence[tuple[str, int]]) -> tuple[list[tuple[str, int, int]], bytes]:
        """(mark, line, first line) of those that an earlier line has; and all, packed for `keep_marks`."""
        marks = sorted(marks, key=itemgetter(1))
        entries = [(sha256(mark.encode()).digest()[:16], line) for mark, line in marks]
        repeats: list[tuple[str, int, int]] = []
        with self._alone:
            firsts = () if self._insert(entries) == len(entries) else [*map(self._first, entries)]
        if firsts:
            repeats = [
                (mark, line, first)
                for (mark, line), first in zip(marks, firsts, strict=True) if first < line
            ]  # fmt: skip
        return repeats, b"".join(_ENTRY.pack(*entry) for entry in entries)

    def recall(self, packed: bytes) -> None:
        """Know again what `add` packed."""
        with self._alone:
            self._insert(_ENTRY.iter_unpack(packed))

    def close(self) -> None:
        """Let go of the file."""
        with self._alone:
            self._known.close()

    def _insert(self, entries: Iterable[tuple[bytes, int]]) -> int:
        """How many were new."""
        before = self._known.total_changes
        self._known.execute("begin")
        self._known.executemany("insert into marks values (?, ?) on conflict do nothing", entries)
        self._known.execute("commit")
        return self._known.total_changes - before

    def _first(self, entry: tuple[bytes, int]) -> int:
        found = self._known.execute("select line from marks where mark = ?", entry[:1])
        return int(found.fetchone()[0])


async def keep_marks(tx: Tx, import_id: UUID, last: int, packed: bytes) -> None:
    """Keep what the part marked that ends with the unit `last`."""
    if packed:
        await tx.connection.execute(_KEEP, tx.tenant_id, import_id, last, packed)


async def marks_of(tx: Tx, import_id: UUID) -> Marks:
    """What the parts marked that are dealt with."""
    marks, last = Marks(), -1
    while (found := await tx.connection.fetchrow(_KEPT, tx.tenant_id, import_id, last)) is not None:
        await asyncio.to_thread(marks.recall, found["content"])
        last = found["last"]
    return marks
