"""What the parts of a worker share: settings, databases, hints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.clock import Clock, SystemClock
from shared.database.transactions import Database
from shared.settings import Settings


def _silent() -> None:
    """No hint: whoever waits polls."""


@dataclass(slots=True)
class Backbone:
    """`worker` sees every tenant (relay, projections, bookkeeping); `app` runs reactions and timers under
    RLS.

    `hint_applied` is called after each committed batch. `seat` names the place that this process has on its
    machine: whoever had it before has ended. Empty: nothing is known of a predecessor.
    """

    settings: Settings
    service: str
    worker: Database
    app: Database
    hint_applied: Callable[[], None] = _silent
    clock: Clock = field(default_factory=SystemClock)
    seat: str = ""

    @property
    def bootstrap(self) -> str:
        return self.settings.kafka_bootstrap

    @property
    def prefix(self) -> str:
        return self.settings.topic_prefix
