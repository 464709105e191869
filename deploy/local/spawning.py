"""Two ways to start a child of the launcher: another program, or our own code forked from the warm parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deploy.local.guard import end_with_parent

_LOG_LIMIT_BYTES = 20 * 1024 * 1024


def open_log(path: Path) -> int:
    """A descriptor that appends to the log; a large one from before is put aside first."""
    if path.exists() and path.stat().st_size > _LOG_LIMIT_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def program(command: Sequence[str], environment: Mapping[str, str], log: Path) -> int:
    """Start a program that watches its parent itself (see `guard`). Returns its pid."""
    out = open_log(log)
    try:
        started = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    finally:
        os.close(out)
    # The supervisor reaps every child itself; Popen must not warn about one it never waited for.
    started.returncode = 0
    return started.pid


def forked(run: Callable[[], None], environment: Mapping[str, str], log: Path) -> int:
    """Fork this process and run our own code in it; nothing of it outlives this process. Returns the pid."""
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _become_child(parent, environment, log)
        run()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:  # noqa: BLE001 - the child's last line of defence: tell, then end
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _become_child(parent: int, environment: Mapping[str, str], log: Path) -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    # At once, not by request: a killed launcher must leave nothing, however busy the child is.
    end_with_parent(int(signal.SIGKILL), parent)
    out = open_log(log)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(out)
    os.environ.update(environment)
