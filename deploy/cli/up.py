"""`./cox up`: prepare, start, wait until ready, make the first tenant, say how to get in."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.cli import bootstrap, running
from deploy.cli.console import Steps
from deploy.cli.down import end_leftovers
from deploy.cli.errors import CommandError
from deploy.local import spawning
from deploy.local.home import ROOT, Home
from deploy.local.kafka_jars import jars
from deploy.local.kafka_startup import cache_of, train
from deploy.local.state import ProcessState, State
from deploy.local.topology import Scale
from shared.settings import Settings

NAME = "up"
HELP = "prepare what is missing and start everything"

_READY_LIMIT_S = 300.0


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--detach", action="store_true", help="return when ready; stop with ./cox down")
    parser.add_argument("--fresh", action="store_true", help="delete the state of earlier runs first")
    parser.add_argument("--scale", metavar="SERVICE=N,…", help="e.g. scoring=2,scoring-app=2")
    parser.add_argument(
        "--no-demo", action="store_true", help="do not load the demo company on the first run"
    )


def run(arguments: argparse.Namespace) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # The same way out for all, also where a caller had Ctrl-C ignored: nothing is left running.
        signal.signal(number, signal.default_int_handler)
    settings = running.settings()
    for said in running.unknown_settings():
        print(f"cox: {said}", file=sys.stderr)
    Scale.parse(arguments.scale)
    place = Home.of(settings)
    place.create()
    _refuse_a_second(place)
    first_run = not place.secrets.joinpath("role_password").exists()
    if arguments.fresh:
        first_run = True
        _start_afresh(place, settings)
    with Steps() as steps:
        if "kafka_bootstrap" not in settings.model_fields_set:
            with steps.counted("Kafka's jars") as counted:
                found = tuple(jars(counted))
            if not cache_of(found).exists():
                with steps.spinning("Kafka's start-up cache (once)"):
                    train(found)
        launcher = _start_launcher(place, arguments)
        try:
            state = _until_ready(steps, launcher, place)
            welcome = bootstrap.first_tenant(state, place)
        except BaseException:
            _stop(launcher)
            raise
    demo = first_run and not arguments.no_demo
    if arguments.detach:
        _greet(welcome, demo=demo)
        return 0
    return _stay(launcher, welcome, demo=demo)


def _refuse_a_second(place: Home) -> None:
    state = State.load(place.state)
    if state is None:
        return
    if state.alive():
        raise CommandError(
            f"already running: {state.url} (stop it with ./cox down, or set COX_HOME and COX_PORT)"
        )
    end_leftovers(state)
    place.state.unlink(missing_ok=True)


def _start_afresh(place: Home, settings: Settings) -> None:
    """Delete databases and logs of this copy. Raises CommandError for servers that are not ours to empty."""
    foreign = {"postgres_url": "COX_POSTGRES_URL", "kafka_bootstrap": "COX_KAFKA_BOOTSTRAP"}
    for field, name in foreign.items():
        if field in settings.model_fields_set:
            raise CommandError(
                f"--fresh deletes only what is in COX_HOME, and {name} names a server elsewhere"
            )
    for folder in (place.postgres, place.kafka, place.secrets, place.logs):
        shutil.rmtree(folder, ignore_errors=True)
    place.create()


def _start_launcher(place: Home, arguments: argparse.Namespace) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "deploy.local.launcher"]
    if arguments.scale:
        command += ["--scale", arguments.scale]
    if not arguments.detach:
        command += ["--parent", str(os.getpid())]
    log = place.logs / "launcher.log"
    log.unlink(missing_ok=True)
    out = spawning.open_log(log)
    try:
        # A session of its own: Ctrl-C reaches this command only, which then stops the launcher cleanly.
        return subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=_environment(place),
            start_new_session=True,
        )
    finally:
        os.close(out)


def _environment(place: Home) -> dict[str, str]:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"COX_HOME": str(place.path), "PYTHONPATH": os.pathsep.join(paths)}


def _until_ready(steps: Steps, launcher: subprocess.Popen[bytes], place: Home) -> State:
    """Follow the launcher until every readyz is green. Raises CommandError where it gives up."""
    said: set[str] = set()
    with steps.spinning("starting") as spinning:

        def ready() -> bool:
            if launcher.poll() is not None:
                raise CommandError(_last_words(place.logs / "launcher.log"))
            state = State.load(place.state)
            if state is None or state.launcher.pid != launcher.pid:
                return False
            waiting = running.not_ready(state) if state.phase == "running" else []
            spinning(f"waiting for {', '.join(waiting)}" if waiting else state.message)
            stuck = [process for process in state.processes if process.name in waiting]
            say_what_only_people_mend(steps, stuck, said)
            return state.phase == "running" and not waiting

        if not running.wait_until(ready, _READY_LIMIT_S):
            raise CommandError(
                "\n".join(
                    [f"not ready after {_READY_LIMIT_S:.0f} s; see the logs in {place.logs}", *sorted(said)]
                )
            )
    state = State.load(place.state)
    if state is None:
        raise CommandError("the launcher's state file is gone")
    return state


def say_what_only_people_mend(steps: Steps, waiting: Sequence[ProcessState], said: set[str]) -> None:
    """Once each: what a worker waits for that only a command ends, to be given while this one waits on."""
    for process in waiting:
        for problem in running.problems(process):
            if "cox events republish" in problem and problem not in said:
                said.add(problem)
                steps.console.print(f"cox: {problem}", highlight=False, markup=False, soft_wrap=True)


def _last_words(log: Path) -> str:
    """The launcher's reason, from its log."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("cox: ") if lines else "the launcher ended without a word"


def _load_demo() -> None:
    command = [sys.executable, "-m", "deploy.cli", "demo"]
    if (
        subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False).returncode
        != 0
    ):
        print("cox: the demo company was not loaded (see above); everything else runs", file=sys.stderr)


def _greet(welcome: str, *, demo: bool) -> None:
    print(welcome)
    if demo:
        _load_demo()


def _stay(launcher: subprocess.Popen[bytes], welcome: str, *, demo: bool) -> int:
    """Wait with the launcher in the foreground; Ctrl-C or SIGTERM stops it, whatever is still being said."""
    try:
        _greet(welcome, demo=demo)
        print("Ctrl-C stops everything.", flush=True)
        launcher.wait()
    except KeyboardInterrupt:
        # Not on stdout: whoever read that may be gone, and a broken pipe would end this before `_stop`.
        print("stopping …", file=sys.stderr, flush=True)
        _stop(launcher)
        return 0
    if launcher.returncode != 0:
        raise CommandError("the launcher ended unexpectedly; see its log in COX_HOME")
    return 0


def _stop(launcher: subprocess.Popen[bytes]) -> None:
    # A second Ctrl-C must not leave half of it running.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    launcher.terminate()
    launcher.wait()
