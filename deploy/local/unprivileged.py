"""PostgreSQL refuses to run as root: how root starts it as somebody else without adding a user."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

from deploy.local.home import LocalError

NOBODY = 65534


@functools.cache
def _user_namespaces_work() -> bool:
    if shutil.which("unshare") is None:
        return False
    probe = ["unshare", "--user", f"--map-user={NOBODY}", "true"]
    return subprocess.run(probe, check=False, capture_output=True).returncode == 0


def prefix(data: Path) -> list[str]:
    """What to put before a PostgreSQL command that works in `data`; empty unless root.

    A user namespace leaves root the owner of the files; without one the folder is given to `nobody`.
    Raises LocalError where neither way is open.
    """
    if os.geteuid() != 0:
        return []
    if _user_namespaces_work():
        return ["unshare", "--user", f"--map-user={NOBODY}", "--"]
    if shutil.which("setpriv") is None:
        raise LocalError(
            "PostgreSQL does not run as root, and neither `unshare` nor `setpriv` is usable here:"
            " start as an ordinary user, or set COX_POSTGRES_URL"
        )
    _give_to_nobody(data)
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]


def _give_to_nobody(data: Path) -> None:
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    for place in [data, *data.rglob("*")]:
        os.chown(place, NOBODY, NOBODY, follow_symlinks=False)
    probe = [
        "setpriv",
        f"--reuid={NOBODY}",
        f"--regid={NOBODY}",
        "--clear-groups",
        "--",
        "test",
        "-x",
        str(data),
    ]
    if subprocess.run(probe, check=False).returncode != 0:
        raise LocalError(
            f"user {NOBODY} cannot reach {data}: put COX_HOME where others may pass, or start as an"
            " ordinary user"
        )
