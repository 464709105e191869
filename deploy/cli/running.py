"""The copy that runs here: its settings, its state, whether it is ready. For commands that talk to it."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from dotenv import dotenv_values

from deploy.cli.errors import CommandError
from deploy.local import credentials
from deploy.local.home import ROOT, Home
from deploy.local.state import ProcessState, State
from shared.settings import Settings, strangers

_PROBE_TIMEOUT_S = 2.0


def settings() -> Settings:
    """Settings of this installation, from the environment and the root's `.env`. Raises SettingsError."""
    return Settings.load(_env_file=ROOT / ".env")


def unknown_settings() -> list[str]:
    """A sentence for each `COX_` name (environment, `.env`) that nothing reads: a misspelt one, mostly."""
    from deploy.cli.settings_page import every_setting

    given = {name: value or "" for name, value in dotenv_values(ROOT / ".env").items()} | dict(os.environ)
    return strangers(given, [setting.variable for setting in every_setting()])


def home() -> Home:
    return Home.of(settings())


def running_state() -> State:
    """The running copy's state. Raises CommandError where none runs."""
    place = home()
    state = State.load(place.state)
    if state is None or not state.alive():
        raise CommandError(f"nothing runs on {place.path}: start it with ./cox up")
    return state


def service_environment() -> dict[str, str]:
    """What a service process is told, for commands that work on databases or Kafka of the running copy."""
    known = settings()
    place, state = Home.of(known), running_state()
    return credentials.environment(place, known) | {
        "COX_HOME": str(place.path),
        "COX_POSTGRES_URL": state.postgres_url,
        "COX_KAFKA_BOOTSTRAP": state.kafka_bootstrap,
        "COX_PUBLIC_URL": state.url,
        "COX_GATEWAY_INTERNAL_URL": state.gateway_internal_url,
        **{f"COX_SERVICE_{service.upper()}_URL": url for service, url in state.service_urls.items()},
    }


def service_settings() -> Settings:
    """Settings as the running copy's services have them. Raises CommandError where none runs."""
    os.environ.update(service_environment())
    return settings()


def is_ready(process: ProcessState) -> bool:
    """Whether its readyz is green (servers: whether it runs)."""
    if process.state == "external":
        return True
    if process.internal_port is None:
        return process.state == "running"
    url = f"http://127.0.0.1:{process.internal_port}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=_PROBE_TIMEOUT_S) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def problems(process: ProcessState) -> list[str]:
    """What a worker itself says is between it and its work; empty where it says nothing."""
    url = f"http://127.0.0.1:{process.internal_port}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=_PROBE_TIMEOUT_S):
            return []
    except urllib.error.HTTPError as refusal:
        with refusal:
            return [str(problem) for problem in json.loads(refusal.read()).get("problems", [])]
    except (OSError, ValueError):
        return []


def not_ready(state: State) -> list[str]:
    """Names of the processes that are not ready, in the launcher's order."""
    with ThreadPoolExecutor(len(state.processes) or 1) as pool:
        return [
            process.name
            for process, ready in zip(state.processes, pool.map(is_ready, state.processes), strict=True)
            if not ready
        ]


def wait_until(done: Callable[[], bool], limit_s: float, pause_s: float = 0.1) -> bool:
    """Ask until it is so or the time is over; whether it was so."""
    deadline = time.monotonic() + limit_s
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause_s)
    return True
