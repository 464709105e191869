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
from types import FrameType

from deploy.local.child import Child, Spec


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
        self._loop(lambda: not task.pids or self.stopping, task)
        if task.pids:
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
        gone = lambda: not any(child.pids for child in group)  # noqa: E731 - used twice, here only
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
            self._listen()

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
        lines = [line for child in self.children for line in child.lines.values()]
        select.select([self._wake, *lines], [], [], None if wait == float("inf") else max(wait, 0))
        with suppress(BlockingIOError):
            os.read(self._wake, 4096)

    def _listen(self) -> None:
        for child in self.children:
            if child.listen():
                self._changed()

    def _reap(self, known: Sequence[Child]) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for child in known:
                if pid in child.pids:
                    again = not self.stopping and child in self.children
                    child.ended(pid, os.waitstatus_to_exitcode(status), again=again)
            self._changed()
