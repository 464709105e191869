"""`./cox down`: stop everything, and end what a killed launcher may have left."""

from __future__ import annotations

import argparse
import signal
from contextlib import suppress

import psutil

from deploy.cli import running
from deploy.cli.errors import CommandError
from deploy.local.state import Identity, State

NAME = "down"
HELP = "stop PostgreSQL, Kafka and all services"

# The launcher's own patience is 8 s for services and 20 s for each server.
_LIMIT_S = 60.0
_LEFTOVER_LIMIT_S = 10.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(arguments: argparse.Namespace) -> int:
    place = running.home()
    state = State.load(place.state)
    if state is None:
        print(f"nothing runs on {place.path}")
        return 0
    was_running = stop(state)
    place.state.unlink(missing_ok=True)
    print("stopped" if was_running else f"nothing runs on {place.path}")
    return 0


def stop(state: State) -> bool:
    """End the launcher, then any process it recorded; whether there was anything to end."""
    launcher = state.launcher.process()
    if launcher is not None:
        with suppress(psutil.NoSuchProcess):
            launcher.send_signal(signal.SIGTERM)
        if not running.wait_until(lambda: state.launcher.process() is None, _LIMIT_S):
            raise CommandError(f"the launcher (pid {launcher.pid}) does not stop; see its log in COX_HOME")
    left = end_leftovers(state)
    return launcher is not None or left


def end_leftovers(state: State) -> bool:
    """End recorded processes whose launcher is gone: by pid and start time, never by name."""
    recorded = [(process.name, process.identity) for process in state.processes if process.identity]
    found = [(name, identity) for name, identity in recorded if identity.process() is not None]
    for number in (None, signal.SIGKILL):
        alive = [(name, identity) for name, identity in found if identity.process() is not None]
        for name, identity in alive:
            _send(identity, number or (signal.SIGINT if name == "postgres" else signal.SIGTERM))
        if alive:
            running.wait_until(lambda: all(one.process() is None for _, one in found), _LEFTOVER_LIMIT_S)
    return bool(found)


def _send(identity: Identity, number: signal.Signals) -> None:
    process = identity.process()
    if process is not None:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
