"""Kafka starts in half the time, with less memory, from a cache of its loaded classes (the JVM's AOT cache).

The cache belongs to one Java and one set of jars; it is trained once and kept in the user's cache folder.
Without it everything works the same, only slower, so nothing here ever stops a start.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from deploy.local.kafka import EmbeddedKafka, java
from deploy.local.kafka_jars import LOCK
from deploy.local.ports import free_port
from deploy.local.waiting import until_listening

# One per clone of this repository and version of Kafka, 66 MB each.
_KEPT = 4
_START_LIMIT_S = 60.0
_TRAINING_LIMIT_S = 120.0


def cache_of(jars: tuple[Path, ...]) -> Path:
    """Where the cache of these jars is or will be."""
    digest = hashlib.sha256(LOCK.read_bytes())
    digest.update((java().parents[1] / "release").read_bytes())
    digest.update("\n".join(map(str, (java(), *jars))).encode())
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coxswain"
    return folder / f"kafka-{digest.hexdigest()[:16]}.aot"


def train(jars: tuple[Path, ...]) -> None:
    """Run a Kafka of its own once and keep what it loaded; about 13 s. Does nothing where that fails."""
    cache = cache_of(jars)
    if cache.exists():
        return
    with tempfile.TemporaryDirectory(prefix="cox-kafka-") as folder:
        made = Path(folder) / "kafka.aot"
        try:
            cache.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _run_once(EmbeddedKafka(Path(folder) / "data", free_port(), free_port(), jars), made)
            # Beside its place first: another copy must never see half of it.
            scratch = cache.with_suffix(f".{os.getpid()}")
            shutil.copyfile(made, scratch)
            scratch.replace(cache)
            _forget_old_ones(cache.parent)
        except (OSError, TimeoutError, subprocess.SubprocessError):
            return


def _forget_old_ones(folder: Path) -> None:
    caches = sorted(folder.glob("kafka-*.aot"), key=lambda path: path.stat().st_mtime)
    for old in caches[:-_KEPT]:
        old.unlink(missing_ok=True)


def _run_once(kafka: EmbeddedKafka, output: Path) -> None:
    kafka.initialise()
    command = replace(kafka, options=(f"-XX:AOTCacheOutput={output}",)).command(os.getpid())
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env=kafka.environment(), stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        until_listening("127.0.0.1", kafka.port, _START_LIMIT_S)
        process.send_signal(signal.SIGTERM)
        process.wait(_TRAINING_LIMIT_S)
    finally:
        process.kill()
        process.wait()


def with_cache(kafka: EmbeddedKafka) -> EmbeddedKafka:
    """The same node, started from the cache where there is one."""
    cache = cache_of(kafka.jars)
    return (
        replace(kafka, options=(*kafka.options, f"-XX:AOTCache={cache}", "-Xlog:aot*=error"))
        if cache.exists()
        else kafka
    )
