"""Kafka's jars: resolved once into a committed lock, fetched by it, and never used unverified.

`python -m deploy.local.kafka_jars --relock` writes the lock again from `kafka.toml`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from deploy.local.home import LocalError

SPEC = Path(__file__).with_name("kafka.toml")
LOCK = Path(__file__).with_name("kafka.lock.toml")
_PARALLEL = 8


def _nothing(done: int, total: int) -> None:
    """For callers that show no progress."""


def jars(progress: Callable[[int, int], None] = _nothing) -> list[Path]:
    """Every jar of the lock, downloaded where missing, each compared with its SHA-256 in the lock.

    A file that does not match is fetched once more. Raises LocalError where that does not help.
    """
    from jgo.env._lockfile import LockFile
    from jgo.maven import MavenContext

    lock: Any = LockFile.load(LOCK)
    context: Any = MavenContext(timeout=60)
    paths = _fetch(context, lock, progress)
    if lock.verify_checksums(context.repo_cache):
        for path, dependency in zip(paths, lock.dependencies, strict=True):
            if not _matches(path, dependency.sha256):
                path.unlink()
        paths = _fetch(context, lock, progress)
    wrong = lock.verify_checksums(context.repo_cache)
    if wrong or any(not dependency.sha256 for dependency in lock.dependencies):
        raise LocalError("Kafka's jars do not match deploy/local/kafka.lock.toml: " + "; ".join(wrong))
    return paths


def _fetch(context: Any, lock: Any, progress: Callable[[int, int], None]) -> list[Path]:
    total = len(lock.dependencies)

    def resolve(dependency: Any) -> Path:
        component = context.project(dependency.groupId, dependency.artifactId).at_version(dependency.version)
        artifact = component.artifact(dependency.classifier or "", dependency.packaging)
        return Path(artifact.resolve())

    found: list[Path] = []
    with ThreadPoolExecutor(_PARALLEL) as pool:
        try:
            for path in pool.map(resolve, lock.dependencies):
                found.append(path)
                progress(len(found), total)
        except Exception as error:
            pool.shutdown(cancel_futures=True)
            raise LocalError(f"Kafka's jars could not be fetched: {error}") from error
    return found


def _matches(path: Path, sha256: str) -> bool:
    from jgo.env._lockfile import compute_sha256

    return path.exists() and compute_sha256(path) == sha256


def relock() -> None:
    """Resolve `kafka.toml` anew and write the lock, checksums included."""
    from jgo.env import EnvironmentBuilder, EnvironmentSpec
    from jgo.maven import MavenContext

    builder: Any = EnvironmentBuilder(context=MavenContext(timeout=60))
    builder.resolve_lockfile(EnvironmentSpec.load(SPEC)).save(LOCK)


if __name__ == "__main__":
    if sys.argv[1:] != ["--relock"]:
        sys.exit(__doc__)
    os.chdir(SPEC.parent)
    relock()
