"""One kept process and its history: started, started again, relieved by a successor."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from shared.web.relief import ASKED, SERVING

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
STEADY_AFTER_S = 30.0


@dataclass(frozen=True)
class Spec:
    """A process to keep. `start` returns its pid; `stop_signal` ends it cleanly within `patience_s`,
    `kill_signal` at once. `start_on` is there instead of `start` where a successor relieves the process: it
    is given the descriptor that the process speaks on (see shared.web.relief), and SIGTERM asks for that.
    """

    name: str
    start: Callable[[], int] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    kill_signal: signal.Signals = signal.SIGKILL
    patience_s: float = 8.0
    port: int | None = None
    internal_port: int | None = None
    start_on: Callable[[int], int] | None = None


def next_pause(last_pause_s: float, ran_s: float) -> float:
    """Seconds to wait before the next start: doubling from 0.1 to 5, anew after 30 s of running."""
    if ran_s >= STEADY_AFTER_S or last_pause_s == 0:
        return FIRST_PAUSE_S
    return min(last_pause_s * 2, LONGEST_PAUSE_S)


class Child:
    """`pid` is who does the work, None while nobody does. A successor takes its place once it serves; who
    was relieved is `leaving` until its last request is answered. `lines` are their pipes, by pid.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.pid: int | None = None
        self.successor: int | None = None
        self.leaving: set[int] = set()
        self.lines: dict[int, int] = {}
        self.restarts = -1
        self.exit_code: int | None = None
        self._started_at = 0.0
        self._pause_s = 0.0
        self.due_at: float | None = time.monotonic()

    @property
    def pids(self) -> set[int]:
        """All of its processes that have not ended."""
        return {pid for pid in (self.pid, self.successor) if pid is not None} | self.leaving

    def start(self) -> None:
        """Start it; a successor where it runs."""
        self.due_at = None
        self._started_at = time.monotonic()
        self.restarts += 1
        try:
            pid = self._launched()
        except OSError as error:
            # No memory or no process to spare now: the same as a process that ended at once.
            print(f"cox: {self.spec.name} could not be started: {error}", flush=True)
            self._start_later()
        else:
            if self.pid is None:
                self.pid = pid
            else:
                self.successor = pid

    def ended(self, pid: int, exit_code: int, *, again: bool) -> None:
        """One of its processes has ended; `again`: it is to be kept."""
        self._hang_up(pid)
        if pid in self.leaving:
            self.leaving.discard(pid)
            return
        if pid == self.successor:
            self.successor = None
        else:
            self.pid, self.successor, self.exit_code = self.successor, None, exit_code
            again = again and self.pid is None
        if again:
            self._start_later()

    def listen(self) -> bool:
        """Heed what its processes have said; whether somebody else is in charge now."""
        changed = False
        for pid, line in list(self.lines.items()):
            try:
                said = os.read(line, 64)
            except BlockingIOError:
                continue
            if not said:
                self._hang_up(pid)
            if ASKED in said and pid == self.pid and self.successor is None:
                self.due_at = time.monotonic()
            if SERVING in said and pid == self.successor:
                self._relieve()
                changed = True
        return changed

    def send(self, number: signal.Signals) -> None:
        for pid in self.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _launched(self) -> int:
        if self.spec.start_on is None:
            assert self.spec.start is not None  # noqa: S101 - a spec has one of the two
            return self.spec.start()
        line, end = os.pipe()
        os.set_blocking(line, False)
        try:
            pid = self.spec.start_on(end)
        except OSError:
            os.close(line)
            raise
        finally:
            os.close(end)
        self.lines[pid] = line
        return pid

    def _relieve(self) -> None:
        if self.pid is not None:
            self.leaving.add(self.pid)
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
        self.pid, self.successor = self.successor, None

    def _start_later(self) -> None:
        now = time.monotonic()
        self._pause_s = next_pause(self._pause_s, now - self._started_at)
        self.due_at = now + self._pause_s

    def _hang_up(self, pid: int) -> None:
        line = self.lines.pop(pid, None)
        if line is not None:
            os.close(line)
