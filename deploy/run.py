"""One process of Coxswain in the foreground, as containers want it (`./cox up` is for all on one machine).

One of:
    python -m deploy.run leads app       HTTP on COX_HOST:COX_PORT, health and metrics on COX_INTERNAL_PORT
    python -m deploy.run leads worker    relay and consumers, health and metrics on COX_INTERNAL_PORT
    python -m deploy.run prepare         once: keys, roles, databases, migrations, topics, the first tenant
    python -m deploy.run health          ends 0 if the process beside it is ready
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Sequence

ROLES = ("app", "worker")
_HEALTH_TIMEOUT_S = 3.0


def parser() -> argparse.ArgumentParser:
    """The command line: a service and a role, or one of the two other words."""
    from deploy.local.topology import SERVICES

    made = argparse.ArgumentParser(prog="python -m deploy.run", allow_abbrev=False)
    words = made.add_subparsers(dest="word", required=True, metavar="WHAT")
    for service in SERVICES:
        words.add_parser(service).add_argument("role", choices=ROLES)
    words.add_parser("prepare")
    words.add_parser("health")
    return made


def main(arguments: Sequence[str]) -> int:
    """Run what the words ask for; the exit code."""
    if list(arguments) == ["health"]:
        return health()
    from deploy.local.home import LocalError
    from shared.settings import SettingsError

    asked = parser().parse_args(arguments)
    try:
        return prepare() if asked.word == "prepare" else serve(asked.word, asked.role)
    except (LocalError, SettingsError) as error:
        print(f"deploy.run: {error}", file=sys.stderr)
        return 1


def health() -> int:
    """Ask the process that runs here whether it is ready. Imports nothing of ours: it is asked often."""
    port = os.environ.get("COX_INTERNAL_PORT") or "9100"
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=_HEALTH_TIMEOUT_S) as answer:
            return 0 if answer.status == 200 else 1
    except OSError as error:
        print(f"not ready: {error}", file=sys.stderr)
        return 1


def serve(service: str, role: str) -> int:
    """Serve until a signal ends it."""
    from deploy.local.home import LocalError
    from deploy.local.ports import listen
    from deploy.local.topology import ServiceProcess
    from shared.settings import Settings

    settings = Settings.load()
    try:
        public = listen(settings.host, settings.port) if role == "app" else None
        internal = listen(settings.host, settings.internal_port)
    except OSError as error:
        raise LocalError(f"a port of {service} {role} cannot be listened on: {error.strerror}") from error
    ServiceProcess(service, role, 1, public, internal).main()
    return 0


def prepare() -> int:
    """Everything that must be there before the first process starts; safe to run at every deployment."""
    from deploy.local import credentials
    from deploy.local.home import ROOT, Home
    from deploy.local.prepare import prepare as prepare_servers
    from shared.settings import Settings

    settings = Settings.load()
    home = Home.of(settings)
    home.create()
    key = settings.signing_key_file or credentials.signing_key(home)
    credentials.ensure_signing_key(key)
    prepare_servers(settings)
    environment = os.environ | {"COX_SIGNING_KEY_FILE": str(key)}
    command = [sys.executable, "-m", "services.gateway.bootstrap_tenant", "--renamed"]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode == 0:
        told = json.loads(done.stdout.splitlines()[-1])
        if told["cli_key"]:
            # Kept where the command line finds it, never shown: logs are read by many.
            credentials.store(home, "cli_key", told["cli_key"])
        print(f"sign in as {told['admin_email']}, password {told['admin_password'] or 'as set before'}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
