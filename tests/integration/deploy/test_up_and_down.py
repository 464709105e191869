"""The whole system by its command: up, side by side, crashes, down. Real processes, nothing stubbed.

A start takes its time, so tests share copies; those that end a copy come last.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.copies import Copy, gone, until
from tests.support.pair import Pair

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

EVERYONE = {
    "launcher", "postgres", "kafka", "gateway-app-1", "gateway-worker-1", "leads-app-1", "leads-worker-1",
    "activities-app-1", "activities-worker-1", "scoring-app-1", "scoring-worker-1",
}  # fmt: skip


@pytest.fixture(scope="module")
def foreground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Copy, subprocess.Popen[str]]]:
    """A copy that runs in a terminal, with the command that holds it."""
    copy = Copy(tmp_path_factory.mktemp("one"))
    # As a shell script has it that starts it in the background: Ctrl-C must end it all the same.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    command = copy.start()
    signal.signal(signal.SIGINT, before)
    yield copy, command
    copy.run("down", check=False)
    if command.stdout is not None and not command.stdout.closed:
        command.communicate()


@pytest.fixture(scope="module")
def copy(foreground: tuple[Copy, subprocess.Popen[str]]) -> Copy:
    return foreground[0]


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """A second copy, detached, beside the first."""
    copy = Copy(tmp_path_factory.mktemp("another"))
    # Its pipes are read to their end: it could not return if anything it started kept them open.
    copy.run("up", "--detach", "--no-demo")
    yield copy
    copy.run("down", check=False)


class TestUp:
    def test_every_process_is_told_when_it_is_asked_for_its_status(self, copy: Copy) -> None:
        until(copy.all_running)
        rows: dict[str, dict[str, Any]] = {}

        def lags_are_told() -> bool:
            # There is none while a server is too busy to be asked.
            rows.update(copy.status())
            return all(row["lag"] is not None for name, row in rows.items() if "worker" in name)

        until(lags_are_told)
        assert set(rows) == EVERYONE - {"launcher"}
        for row in rows.values():
            assert psutil.pid_exists(row["pid"])
            assert row["port"] > 0
            assert row["rss_mb"] > 1
        assert {name for name, row in rows.items() if row["lag"] is not None} == {
            name for name in rows if "worker" in name
        }

    def test_workers_give_way_when_apps_want_the_machine_too(self, copy: Copy) -> None:
        until(copy.all_running)
        nice = {name: process.nice() for name, process in copy.processes().items()}
        theirs = {nice[name] for name in nice if "-worker-" in name}
        others = {nice[name] for name in nice if "-worker-" not in name}
        assert max(others) < min(theirs)

    def test_secrets_are_private_when_they_are_made(self, copy: Copy) -> None:
        kept = [copy.home / "state.json", *(copy.home / "secrets").iterdir()]
        assert {oct(path.stat().st_mode & 0o777) for path in kept} == {"0o600"}
        assert oct(copy.home.stat().st_mode & 0o777) == "0o700"

    def test_second_start_is_refused_when_the_copy_runs(self, copy: Copy) -> None:
        done = subprocess.run(
            copy.command("up", "--detach"), env=copy.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert f"already running: {copy.url}" in done.stderr

    def test_two_copies_run_side_by_side_when_home_and_port_differ(self, copy: Copy, another: Copy) -> None:
        until(lambda: copy.all_running() and another.all_running())
        ours, theirs = copy.status(), another.status()
        assert not {row["pid"] for row in ours.values()} & {row["pid"] for row in theirs.values()}
        assert not {row["port"] for row in ours.values()} & {row["port"] for row in theirs.values()}


class TestSupervision:
    @pytest.mark.parametrize("name", ["scoring-worker-1", "leads-app-1", "postgres", "kafka"])
    def test_process_comes_back_when_it_is_killed(self, copy: Copy, name: str) -> None:
        until(copy.all_running)
        before = copy.processes()[name]
        before.kill()
        until(lambda: copy.processes().get(name, before) != before)
        until(copy.all_running)
        # One that is too busy to say that it is ready is not called running.
        until(lambda: copy.status()[name]["state"] == "running")
        assert copy.status()[name]["restarts"] >= 1

    def test_status_says_what_a_worker_waits_for_when_the_broker_does_not_answer(self, copy: Copy) -> None:
        until(copy.all_running)
        kafka, worker = (copy.processes()[name] for name in ("kafka", "activities-worker-1"))
        kafka.suspend()
        try:
            worker.kill()
            until(lambda: "wait for the broker" in str(copy.status()["activities-worker-1"]["problems"]))
        finally:
            kafka.resume()
        until(copy.all_running)
        # It says nothing any more; it may have met the broker once more before that.
        until(lambda: copy.status()["activities-worker-1"]["problems"] == [])


class TestTheEnd:
    def test_everything_ends_by_itself_when_the_launcher_is_killed(self, another: Copy) -> None:
        processes = another.processes()
        assert set(processes) == EVERYONE
        family = [*processes.values(), *processes["postgres"].children()]
        processes["launcher"].kill()
        until(lambda: all(gone(process) for process in family))

    def test_everything_stops_when_the_terminal_says_so_though_nobody_reads_any_more(
        self, foreground: tuple[Copy, subprocess.Popen[str]]
    ) -> None:
        copy, command = foreground
        processes = copy.processes()
        assert command.stdout is not None
        command.stdout.close()
        command.send_signal(signal.SIGINT)
        command.wait()
        assert command.returncode == 0
        assert [name for name, process in processes.items() if not gone(process)] == []


class TestOtherServers:
    def test_servers_of_others_are_used_when_settings_name_them(self, tmp_path: Path, pair: Pair) -> None:
        settings = {
            "COX_POSTGRES_URL": pair.postgres_url,
            "COX_KAFKA_BOOTSTRAP": pair.kafka_bootstrap,
            "COX_ROLE_PASSWORD": pair.role_password,
            "COX_DATABASE_PREFIX": "others_",
            "COX_TOPIC_PREFIX": "others.",
        }
        guest = Copy(tmp_path / "guest", settings=settings)
        command = guest.start()
        until(guest.all_running)
        rows = guest.status()
        assert {name for name, row in rows.items() if row["state"] == "external"} == {"postgres", "kafka"}
        assert not (guest.home / "postgres").exists()
        guest.run("down")
        command.communicate()
        assert command.returncode == 0


class TestOrdinaryUsers:
    @pytest.mark.skipif(os.geteuid() != 0, reason="this run's user is an ordinary one already")
    def test_system_starts_and_stops_when_the_user_is_not_root(self, tmp_path: Path) -> None:
        """In a user namespace the command sees an ordinary user who may do nothing that root may."""
        plain = Copy(tmp_path / "ordinary", prefix=["unshare", "--user", "--map-user=1000", "--"])
        plain.run("up", "--detach", "--no-demo")
        processes = plain.processes()
        assert processes["postgres"].exe().endswith("/postgres")
        assert "stopped" in plain.run("down")
        assert [name for name, process in processes.items() if not gone(process)] == []
