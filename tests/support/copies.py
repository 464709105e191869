"""Whole copies of the system, started by the command itself, for tests of the command and of crashes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from deploy.cli import running
from deploy.local import guard
from deploy.local.ports import free_port
from deploy.local.state import State

ROOT = Path(__file__).resolve().parents[2]
_LIMIT_S = 600.0


def until(so: Callable[[], bool]) -> None:
    """Return once it is so. The limit is a hang guard and fails the test."""
    deadline = time.monotonic() + _LIMIT_S
    while not so():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)


def gone(process: psutil.Process) -> bool:
    """Whether it ended; one that nobody has reaped yet has ended too."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@dataclass
class Copy:
    """One installation with a state folder and a port of its own. `prefix` is put before every command."""

    home: Path
    prefix: Sequence[str] = ()
    port: int = field(default_factory=free_port)
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("COX_")}
        return kept | {"COX_HOME": str(self.home), "COX_PORT": str(self.port), **self.settings}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self, *words: str) -> list[str]:
        return [*self.prefix, str(ROOT / "cox"), *words]

    def start(self, *words: str) -> subprocess.Popen[str]:
        """`up` in the foreground, ready; it ends with this process, however that ends."""
        process = self.begin(*words)
        self.wait_until_up(process)
        return process

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """`up` in the foreground, not ready yet. It ends with the thread that calls this."""
        guarded = [sys.executable, guard.__file__, str(int(signal.SIGTERM)), str(os.getpid())]
        return subprocess.Popen(
            [*guarded, *self.command("up", "--no-demo", *words)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_until_up(self, process: subprocess.Popen[str]) -> None:
        """Read what `up` says until it is ready."""
        assert process.stdout is not None
        assert any("Ctrl-C" in line for line in process.stdout), "up ended before it was ready"

    def run(self, *words: str, check: bool = True) -> str:
        """Run one command to its end; what it printed. With pipes, so it must leave none of them open."""
        done = subprocess.run(
            self.command(*words),
            env=self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=_LIMIT_S,
        )
        if check:
            assert done.returncode == 0, f"{words} ended with {done.returncode}: {done.stderr}{done.stdout}"
        return done.stdout

    def state(self) -> State:
        state = State.load(self.home / "state.json")
        assert state is not None
        return state

    def processes(self) -> dict[str, psutil.Process]:
        """Every running process by its name, the launcher among them."""
        state = self.state()
        found = {each.name: each.identity.process() for each in state.processes if each.identity}
        found["launcher"] = state.launcher.process()
        return {name: process for name, process in found.items() if process is not None}

    def status(self) -> dict[str, dict[str, Any]]:
        rows = json.loads(self.run("status", "--json"))["processes"]
        return {row["name"]: row for row in rows}

    def all_running(self) -> bool:
        """Whether every readyz is green, asked directly: it is asked again and again."""
        state = self.state()
        return state.phase == "running" and not running.not_ready(state)
