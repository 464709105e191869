"""One process at a time, as containers run them: prepared, healthy, ended by a signal."""

from __future__ import annotations

import os
import secrets
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.ports import free_port
from tests.support.copies import until
from tests.support.pair import Pair

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def environment(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a container is told, with ports that are free here."""
    unique = secrets.token_hex(3)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COX_")}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "COX_HOME": str(tmp_path_factory.mktemp("home")),
        "COX_HOST": "127.0.0.1",
        "COX_PORT": str(free_port()),
        "COX_INTERNAL_PORT": str(free_port()),
        "COX_POSTGRES_URL": pair.postgres_url,
        "COX_ROLE_PASSWORD": pair.role_password,
        "COX_DATABASE_PREFIX": f"r{unique}_",
        "COX_KAFKA_BOOTSTRAP": pair.kafka_bootstrap,
        "COX_TOPIC_PREFIX": f"r{unique}.",
        "COX_ADMIN_EMAIL": "boss@example.com",
    }


def run(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy.run", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def prepared(environment: dict[str, str]) -> str:
    """What the first `prepare` said."""
    done = run(environment, "prepare")
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestPrepare:
    def test_the_sign_in_is_told_once_and_the_key_never_when_all_is_made(
        self, environment: dict[str, str], prepared: str
    ) -> None:
        again = run(environment, "prepare")
        assert prepared.startswith("sign in as boss@example.com, password ")
        assert "as set before" not in prepared
        assert again.stdout == "sign in as boss@example.com, password as set before\n"
        key = Path(environment["COX_HOME"], "secrets", "cli_key")
        assert key.read_text().startswith("cox_")
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert key.read_text() not in prepared

    def test_the_setting_is_named_when_it_is_wrong(self, environment: dict[str, str]) -> None:
        done = run(environment | {"COX_TENANT_TIMEZONE": "Mars"}, "prepare")
        assert done.returncode == 1
        assert done.stderr.startswith("deploy.run: COX_TENANT_TIMEZONE: ")


class TestProcess:
    @pytest.mark.parametrize("words", [("leads", "app"), ("leads", "worker")])
    def test_it_becomes_healthy_and_ends_cleanly_when_told_to(
        self, environment: dict[str, str], prepared: str, words: tuple[str, str]
    ) -> None:
        assert run(environment, "health").returncode == 1
        process = subprocess.Popen([sys.executable, "-m", "deploy.run", *words], env=environment, cwd=ROOT)
        try:
            until(lambda: run(environment, "health").returncode == 0)
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait()
        assert code == 0

    def test_the_port_is_named_when_it_is_taken(self, environment: dict[str, str]) -> None:
        from deploy.local.ports import listen

        taken = listen("127.0.0.1", 0)
        try:
            port = str(taken.getsockname()[1])
            done = run(environment | {"COX_INTERNAL_PORT": port}, "leads", "worker")
        finally:
            taken.close()
        assert done.returncode == 1
        assert done.stderr.startswith("deploy.run: a port of leads worker")
