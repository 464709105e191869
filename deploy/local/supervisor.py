"""Keeps processes running: starts them, starts again what ended, stops all. One thread, no event loop.

Single-threaded on purpose: children are forked from here, and the kernel ties their death
signal to this thread.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
STEADY_AFTER_S = 30.0


@dataclass(frozen=True)
class Spec:
    """A process to keep. `start` returns its pid; `stop_signal` ends it cleanly within `patience_s`,
    `kill_signal` at once."""

    name: str
    start: Callable[[], int]
    stop_signal: signal.Signals = signal.SIGTERM
    kill_signal: signal.Signals = signal.SIGKILL
    patience_s: float = 8.0
    port: int | None = None
    internal_port: int | None = None


def next_pause(last_pause_s: float, ran_s: float) -> float:
    """Seconds to wait before the next start: doubling from 0.1 to 5, anew after 30 s of running."""
    if ran_s >= STEADY_AFTER_S or last_pause_s == 0:
        return FIRST_PAUSE_S
    return min(last_pause_s * 2, LONGEST_PAUSE_S)


class Child:
    """One kept process and its history. `pid` is None while it is not running."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.pid: int | None = None
        self.restarts = -1
        self.exit_code: int | None = None
        self._started_at = 0.0
        self._pause_s = 0.0
        self.due_at: float | None = time.monotonic()

    def start(self) -> None:
        self.due_at = None
        self._started_at = time.monotonic()
        self.restarts += 1
        try:
            self.pid = self.spec.start()
        except OSError as error:
            # No memory or no process to spare now: the same as a process that ended at once.
            print(f"cox: {self.spec.name} could not be started: {error}", flush=True)
            self.ended(1, again=True)

    def ended(self, exit_code: int, *, again: bool) -> None:
        self.pid, self.exit_code = None, exit_code
        if again:
            now = time.monotonic()
            self._pause_s = next_pause(self._pause_s, now - self._started_at)
            self.due_at = now + self._pause_s

    def send(self, number: signal.Signals) -> None:
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Supervisor:
    """`changed` is called after every start and end. SIGTERM and SIGINT set `stopping`."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.children: list[Child] = []
        self.stopping = False
        self._changed = changed
        self._wake, wake_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop_asked)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)

    def _stop_asked(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def keep(self, spec: Spec) -> Child:
        """Start a process as soon as the loop runs, and again whenever it ends."""
        child = Child(spec)
        self.children.append(child)
        return child

    def run_once(self, spec: Spec) -> int | None:
        """Run a process to its end while the others are kept. Its exit code; None if a stop came first."""
        task = Child(spec)
        task.start()
        self._loop(lambda: task.pid is None or self.stopping, task)
        if task.pid is not None:
            self._stop([task])
            return None
        return task.exit_code

    def run(self) -> None:
        """Keep everything running until a stop is asked for."""
        self._loop(lambda: self.stopping)

    def stop(self, order: Sequence[Sequence[Child]]) -> None:
        """End all groups one after the other, each cleanly if it does so in time."""
        self.stopping = True
        for group in order:
            self._stop(group)

    def _stop(self, group: Sequence[Child]) -> None:
        for child in group:
            child.due_at = None
            child.send(child.spec.stop_signal)
        deadline = time.monotonic() + max((child.spec.patience_s for child in group), default=0)
        gone = lambda: all(child.pid is None for child in group)  # noqa: E731 - used twice, here only
        self._loop(gone, *group, deadline=deadline)
        for child in group:
            child.send(child.spec.kill_signal)
        self._loop(gone, *group)

    def _loop(self, done: Callable[[], bool], *extra: Child, deadline: float = float("inf")) -> None:
        while True:
            self._reap([*self.children, *extra])
            if done() or time.monotonic() >= deadline:
                return
            if not self.stopping:
                self._start_due()
            self._sleep(deadline)

    def _start_due(self) -> None:
        now = time.monotonic()
        for child in self.children:
            if child.due_at is not None and child.due_at <= now:
                child.start()
                self._changed()

    def _sleep(self, deadline: float) -> None:
        """Until a signal comes, a start is due or the deadline."""
        dues = [child.due_at for child in self.children if child.due_at is not None and not self.stopping]
        wait = min([deadline, *dues]) - time.monotonic()
        select.select([self._wake], [], [], None if wait == float("inf") else max(wait, 0))
        with suppress(BlockingIOError):
            os.read(self._wake, 4096)

    def _reap(self, known: Sequence[Child]) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for child in known:
                if child.pid == pid:
                    again = not self.stopping and child in self.children
                    child.ended(os.waitstatus_to_exitcode(status), again=again)
            self._changed()
