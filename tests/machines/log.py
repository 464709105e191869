"""Kafka's log in memory: partitions that grow, lose their end, are cut off at the beginning, or wiped."""

from __future__ import annotations

from collections.abc import Iterable

from tests.machines.events import PARTITIONS, Event


class Log:
    """`begins` are the first offsets kept."""

    def __init__(self) -> None:
        self.records: list[list[Event]] = [[] for _ in range(PARTITIONS)]
        self.begins = [0] * PARTITIONS

    def append(self, events: Iterable[Event]) -> None:
        for event in events:
            self.records[event.partition].append(event)

    def end(self, partition: int) -> int:
        return len(self.records[partition])

    def kept(self, partition: int) -> list[Event]:
        return self.records[partition][self.begins[partition] :]

    def lose_end(self, partition: int, count: int) -> None:
        """An unclean stop of the broker: the newest records are gone."""
        keep = max(self.begins[partition], self.end(partition) - count)
        del self.records[partition][keep:]

    def cut_off(self) -> None:
        """Let each partition begin at its end."""
        self.begins = [self.end(partition) for partition in range(PARTITIONS)]

    def wipe(self) -> None:
        self.records = [[] for _ in range(PARTITIONS)]
        self.begins = [0] * PARTITIONS
