"""Handing over under the supervisor, with real processes: somebody serves at every moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.copies import until

ROOT = Path(__file__).resolve().parents[3]

# The supervisor wants a process's main thread for itself, so each test runs one in a process of its own.
_PROGRAM = """
import os, signal, sys
from functools import partial
from pathlib import Path
from deploy.local.child import Spec
from deploy.local.spawning import forked
from deploy.local.supervisor import Supervisor
from shared.web.relief import Relief

folder = Path(sys.argv[1])

def work(relief):
    told = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, told)
    if (folder / "broken").exists():
        print("broken", flush=True)
        sys.exit(1)
    print("serving", os.getpid(), flush=True)
    relief.serving()
    if signal.sigwait(told) == signal.SIGTERM:
        print("asks", os.getpid(), flush=True)
        relief.ask()
        signal.sigwait(told)
    print("left", os.getpid(), flush=True)

def start_on(line):
    return forked(partial(work, Relief(line)), {}, folder / "log")

supervisor = Supervisor(lambda: print(supervisor.children[0].pid, flush=True))
child = supervisor.keep(Spec("app", start_on=start_on, stop_signal=signal.SIGINT))
supervisor.run()
supervisor.stop([[child]])
"""


class Supervised:
    """A supervisor of one process that is relieved; `log` is what its processes said, in order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = [sys.executable, "-c", _PROGRAM, str(folder)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    def log(self) -> list[str]:
        place = self.folder / "log"
        return place.read_text().splitlines() if place.exists() else []

    def in_charge(self, unlike: int | None = None) -> int:
        """The next pid told, other than the one known."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.strip() not in ("None", str(unlike)):
                return int(line)
        raise AssertionError("the supervisor ended")

    def end(self) -> None:
        if self.process.returncode is None:
            self.process.terminate()
            self.process.communicate()

    def first(self) -> int:
        pid = self.in_charge()
        until(lambda: f"serving {pid}" in self.log())
        return pid


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    made = Supervised(tmp_path)
    yield made
    made.end()


class TestRelief:
    def test_successor_serves_before_the_former_leaves_when_a_process_is_told_to_end(
        self, supervised: Supervised
    ) -> None:
        former = supervised.first()
        os.kill(former, signal.SIGTERM)
        successor = supervised.in_charge(unlike=former)
        until(lambda: f"left {former}" in supervised.log())
        assert supervised.log() == [
            f"serving {former}", f"asks {former}", f"serving {successor}", f"left {former}",
        ]  # fmt: skip

    def test_former_serves_on_when_its_successor_cannot_start(self, supervised: Supervised) -> None:
        former = supervised.first()
        (supervised.folder / "broken").touch()
        os.kill(former, signal.SIGTERM)
        until(lambda: supervised.log().count("broken") >= 2)
        assert f"left {former}" not in supervised.log()
        (supervised.folder / "broken").unlink()
        successor = supervised.in_charge(unlike=former)
        until(lambda: f"left {former}" in supervised.log())
        assert supervised.log()[-2:] == [f"serving {successor}", f"left {former}"]

    def test_process_comes_back_when_it_is_killed(self, supervised: Supervised) -> None:
        former = supervised.first()
        os.kill(former, signal.SIGKILL)
        assert supervised.in_charge(unlike=former) != former

    def test_nothing_is_left_when_the_supervisor_is_told_to_stop(self, supervised: Supervised) -> None:
        former = supervised.first()
        os.kill(former, signal.SIGTERM)
        successor = supervised.in_charge(unlike=former)
        supervised.end()
        assert supervised.process.returncode == 0
        assert not psutil.pid_exists(former)
        assert not psutil.pid_exists(successor)
