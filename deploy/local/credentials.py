"""Secrets that one copy makes for itself, kept in COX_HOME with mode 0600."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from deploy.local.home import Home
from shared.settings import Settings


def _write_private(path: Path, content: bytes) -> None:
    """All or nothing: a reader never sees a half-written secret."""
    scratch = path.with_suffix(".new")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def secret(home: Home, name: str) -> str:
    """The random hex string kept under `name`, 256 bits; made at first use."""
    path = home.secrets / name
    if not path.exists():
        _write_private(path, secrets.token_hex(32).encode())
    return path.read_text().strip()


def store(home: Home, name: str, value: str) -> None:
    """Keep a secret that somebody else made (the CLI's API key)."""
    _write_private(home.secrets / name, value.encode())


def read(home: Home, name: str) -> str | None:
    """A stored secret, or None."""
    path = home.secrets / name
    return path.read_text().strip() if path.exists() else None


def signing_key(home: Home) -> Path:
    """The file (PEM) with the Ed25519 key that signs principal tokens; made at first use."""
    path = home.secrets / "signing_key.pem"
    ensure_signing_key(path)
    return path


def ensure_signing_key(path: Path) -> None:
    """Make the key where there is none."""
    if path.exists():
        return
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write_private(path, pem)


def environment(home: Home, settings: Settings) -> dict[str, str]:
    """The secrets that every process is told. Those the person set stand; the others are this copy's own."""
    told = {}
    for field in ("role_password", "cursor_secret", "position_secret"):
        given: SecretStr = getattr(settings, field)
        is_given = field in settings.model_fields_set
        told[f"COX_{field.upper()}"] = given.get_secret_value() if is_given else secret(home, field)
    given_key = settings.signing_key_file
    told["COX_SIGNING_KEY_FILE"] = str(given_key.resolve() if given_key else signing_key(home))
    return told
