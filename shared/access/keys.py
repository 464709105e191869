"""Ed25519 keys: the gateway's own, and the public ones that services fetch from it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from shared.errors import Unavailable

JWKS_PATH = "/internal/jwks"
REFETCH_AFTER_S = 5.0
"""An unknown key id asks the gateway again at most this often, whoever sends it."""


class KeysUnavailable(Unavailable):
    code = "keys_unavailable"
    title = "The gateway's keys cannot be had right now"


class KeySource(Protocol):
    async def key(self, kid: str) -> Ed25519PublicKey | None:
        """The public key of that id, None where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, named by the thumbprint of its public half."""

    private: Ed25519PrivateKey
    kid: str

    @classmethod
    def of(cls, private: Ed25519PrivateKey) -> SigningKey:
        raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return cls(private, _b64(hashlib.sha256(raw).digest()[:12]))

    @classmethod
    def generate(cls) -> SigningKey:
        return cls.of(Ed25519PrivateKey.generate())

    def jwk(self) -> dict[str, str]:
        """The public half as a JSON Web Key."""
        raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.kid, "x": _b64(raw)}


def load_or_make(path: Path) -> SigningKey:
    """The key of a PEM file; made (mode 0600) where there is none, once even by two processes."""
    if not path.exists():
        _make(path)
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{path} holds no Ed25519 key")
    return SigningKey.of(key)


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(pem)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


class FixedKeys:
    """Keys known from the start: the gateway's own, and tests'."""

    def __init__(self, *keys: SigningKey) -> None:
        self._keys = {key.kid: key.private.public_key() for key in keys}

    async def key(self, kid: str) -> Ed25519PublicKey | None:
        return self._keys.get(kid)


class RemoteKeys:
    """The gateway's keys, fetched from its internal address when an unknown one is named."""

    def __init__(self, gateway_internal_url: str) -> None:
        self._url = gateway_internal_url.rstrip("/") + JWKS_PATH
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._fetched_at = float("-inf")
        self._lock = asyncio.Lock()

    async def key(self, kid: str) -> Ed25519PublicKey | None:
        """Raises KeysUnavailable where the gateway does not answer and no key is known yet."""
        if kid not in self._keys:
            async with self._lock:
                if kid not in self._keys and time.monotonic() - self._fetched_at > REFETCH_AFTER_S:
                    await self._fetch()
        return self._keys.get(kid)

    async def _fetch(self) -> None:
        try:
            timeout = aiohttp.ClientTimeout(total=3)
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(self._url) as answer:
                answer.raise_for_status()
                document = await answer.json()
            self._keys = {entry["kid"]: _public_key(entry) for entry in document["keys"]}
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
            raise KeysUnavailable("The keys that prove who you are cannot be fetched; try again") from error
        self._fetched_at = time.monotonic()


def _public_key(entry: dict[str, Any]) -> Ed25519PublicKey:
    x = entry["x"]
    return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
