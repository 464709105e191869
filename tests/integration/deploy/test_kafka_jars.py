"""Kafka's jars: what is used is what the lock names, byte for byte."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.local import kafka_jars
from deploy.local.home import LocalError


@pytest.fixture
def borrowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A repository of our own whose jars are links to those already here."""
    repository = tmp_path / "m2"
    known = kafka_jars.jars()
    origin = Path(os.environ.get("M2_REPO") or Path.home() / ".m2" / "repository")
    for jar in known:
        place = repository / jar.relative_to(origin)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(jar)
    monkeypatch.setenv("M2_REPO", str(repository))
    return [repository / jar.relative_to(origin) for jar in known]


class TestJars:
    def test_every_jar_of_the_lock_is_given_when_all_are_there(self, borrowed: list[Path]) -> None:
        told: list[tuple[int, int]] = []
        assert kafka_jars.jars(lambda done, total: told.append((done, total))) == borrowed
        assert told[-1] == (len(borrowed), len(borrowed))

    def test_jar_is_refused_when_it_is_corrupt_and_cannot_be_had_again(
        self, borrowed: list[Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        borrowed[0].unlink()
        borrowed[0].write_bytes(b"not what was locked")
        for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            # Nothing listens on port 1: the machine is as good as offline.
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        with pytest.raises(LocalError, match="could not be fetched"):
            kafka_jars.jars()
        assert not borrowed[0].exists()
