"""What the launcher tells about itself: one JSON file in COX_HOME, replaced whole at every change."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import psutil

Phase = Literal["starting", "running", "stopping", "failed"]


@dataclass(frozen=True)
class Identity:
    """A process that cannot be mistaken for a later one with the same pid."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Identity:
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.NoSuchProcess:
            return cls(pid, 0.0)

    def process(self) -> psutil.Process | None:
        """The process, if it is still that one and not a zombie."""
        try:
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.started) < 0.02
            return found if same and found.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


@dataclass(frozen=True)
class ProcessState:
    """One supervised process. `port` is where it serves (a worker: its internal port)."""

    name: str
    state: Literal["running", "waiting", "stopped", "external"]
    identity: Identity | None
    port: int | None
    internal_port: int | None
    restarts: int


@dataclass(frozen=True)
class State:
    """The launcher's view. `message` says what it does or why it failed; `service_urls` are those behind
    the gateway, by service."""

    phase: Phase
    message: str
    launcher: Identity
    url: str
    gateway_internal_url: str
    postgres_url: str
    kafka_bootstrap: str
    service_urls: dict[str, str]
    processes: list[ProcessState] = field(default_factory=list)

    def save(self, path: Path) -> None:
        scratch = path.with_suffix(f".{os.getpid()}")
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(asdict(self), file)
        scratch.replace(path)

    @classmethod
    def load(cls, path: Path) -> State | None:
        """The last saved state, or None where there is none."""
        try:
            told = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        processes = [
            ProcessState(**{**each, "identity": each["identity"] and Identity(**each["identity"])})
            for each in told.pop("processes")
        ]
        return cls(**{**told, "launcher": Identity(**told["launcher"]), "processes": processes})

    def alive(self) -> bool:
        """Whether the launcher that wrote this still runs."""
        return self.launcher.process() is not None
