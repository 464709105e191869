"""The supervisor with real processes: what ends comes back, and nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from deploy.local.child import next_pause
from deploy.local.guard import __file__ as guard
from tests.support.copies import until

ROOT = Path(__file__).resolve().parents[3]

# The supervisor wants a process's main thread for itself, so each test runs one in a process of its own.
_PROGRAM = """
import os, sys
from functools import partial
from pathlib import Path
from deploy.local import spawning
from deploy.local.guard import __file__ as guard
from deploy.local.child import Spec
from deploy.local.supervisor import Supervisor
from deploy.local.spawning import forked, program

folder = Path(sys.argv[1])
sleeper = [sys.executable, "-I", "-S", guard, "9", str(os.getpid()), "/bin/sleep", "600"]

def tell():
    pids = " ".join(f"{c.spec.name}={c.pid}" for c in supervisor.children if c.pid is not None)
    print(pids, flush=True)

def wait_for_ever():
    import signal
    signal.pause()

supervisor = Supervisor(tell)
children = [
    supervisor.keep(Spec("forked", partial(forked, wait_for_ever, {}, folder / "forked.log"))),
    supervisor.keep(Spec("program", partial(program, sleeper, dict(os.environ), folder / "program.log"))),
]
supervisor.run()
supervisor.stop([children])
"""


_STUBBORN = """
import signal, sys
from functools import partial
from pathlib import Path
from deploy.local.child import Spec
from deploy.local.supervisor import Supervisor
from deploy.local.spawning import forked

def deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("deaf", flush=True)
    while True:
        signal.pause()

supervisor = Supervisor(lambda: print(child.pid, flush=True))
child = supervisor.keep(Spec("deaf", partial(forked, deaf, {}, Path(sys.argv[1])), patience_s=0.2))
supervisor.run()
supervisor.stop([[child]])
"""


@pytest.fixture
def supervised(tmp_path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(_PROGRAM), str(tmp_path)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def pids_when_both_run(
    process: subprocess.Popen[str], unlike: dict[str, int] | None = None
) -> dict[str, int]:
    """The next line that tells of two running processes, other than those known."""
    assert process.stdout is not None
    for line in process.stdout:
        pids = {name: int(pid) for name, pid in (word.split("=") for word in line.split())}
        if len(pids) == 2 and pids != unlike:
            return pids
    raise AssertionError("the supervisor ended")


def end(process: subprocess.Popen[str], number: signal.Signals) -> None:
    process.send_signal(number)
    process.communicate()


class TestNextPause:
    def test_pauses_grow_to_five_seconds_when_a_process_keeps_ending(self) -> None:
        pauses, last = [], 0.0
        for _ in range(8):
            last = next_pause(last, ran_s=0.5)
            pauses.append(last)
        assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]

    def test_pause_begins_anew_when_a_process_ran_for_half_a_minute(self) -> None:
        assert next_pause(5.0, ran_s=30.0) == 0.1


class TestSupervisor:
    @pytest.mark.parametrize("name", ["forked", "program"])
    def test_process_comes_back_when_it_is_killed(self, supervised: subprocess.Popen[str], name: str) -> None:
        before = pids_when_both_run(supervised)
        os.kill(before[name], signal.SIGKILL)
        after = pids_when_both_run(supervised, unlike=before)
        other = next(each for each in before if each != name)
        assert after[name] != before[name]
        assert after[other] == before[other]
        end(supervised, signal.SIGTERM)

    def test_no_process_is_left_when_it_is_told_to_stop(self, supervised: subprocess.Popen[str]) -> None:
        pids = pids_when_both_run(supervised)
        end(supervised, signal.SIGTERM)
        assert supervised.returncode == 0
        assert not [pid for pid in pids.values() if psutil.pid_exists(pid)]

    def test_children_end_by_themselves_when_the_supervisor_is_killed(
        self, supervised: subprocess.Popen[str]
    ) -> None:
        pids = pids_when_both_run(supervised)
        children = [psutil.Process(pid) for pid in pids.values()]
        end(supervised, signal.SIGKILL)
        _, alive = psutil.wait_procs(children, timeout=60)
        assert not alive

    def test_a_process_is_killed_when_it_does_not_end_in_time(self, tmp_path: Path) -> None:
        log = tmp_path / "deaf.log"
        command = [sys.executable, "-c", textwrap.dedent(_STUBBORN), str(log)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        pid = next(int(line) for line in process.stdout if line != "None\n")
        until(lambda: log.exists() and "deaf" in log.read_text())
        end(process, signal.SIGTERM)
        assert process.returncode == 0
        assert not psutil.pid_exists(pid)


class TestGuard:
    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent ended")
    @pytest.mark.parametrize("alive", [True, False])
    def test_nothing_is_begun_when_the_parent_ended_before(self, alive: bool) -> None:
        parent = os.getpid() if alive else os.getppid()
        command = [sys.executable, "-I", "-S", guard, "9", str(parent), "/bin/echo", "begun"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.stdout == ("begun\n" if alive else "")
