"""What `up` does once all is ready: the first tenant, its admin, the CLI's own key, and the welcome."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from deploy.cli import running
from deploy.cli.errors import CommandError
from deploy.local import credentials
from deploy.local.home import ROOT, Home
from deploy.local.state import State

CLI_KEY = "cli_key"

_WELCOME = """
Coxswain runs at {url}
  sign in    {email}
  password   {password}
  API docs   {url}/docs
Try
  ./cox status
  ./cox kpis leads_created --by rep --grain month
  ./cox events tail
"""


def first_tenant(state: State, place: Home) -> str:
    """Make the tenant unless it is there; what to tell the person. Raises CommandError with the reason."""
    command = [sys.executable, "-m", "services.gateway.bootstrap_tenant"]
    environment = os.environ | running.service_environment() | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise CommandError(f"the first tenant could not be made: {reason}")
    told = json.loads(done.stdout.strip().splitlines()[-1])
    if told.get("cli_key"):
        credentials.store(place, CLI_KEY, told["cli_key"])
    password = told.get("admin_password") or "as set before (./cox admin reset-password gives a new one)"
    return _WELCOME.format(url=state.url, email=told["admin_email"], password=password)
