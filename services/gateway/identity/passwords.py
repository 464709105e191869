"""argon2id, off the event loop, a few at a time: each takes 19 MiB and some 20 ms of a core."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shared.errors import Unavailable

_MAX_WAITING = 200

P = ParamSpec("P")
T = TypeVar("T")


class TooManySignIns(Unavailable):
    code = "sign_in_busy"
    title = "Too many people sign in at this moment; try again"


class Passwords:
    """One per process; at most two hashes are computed at once."""

    def __init__(self) -> None:
        # OWASP's parameters for argon2id.
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._turn = asyncio.Semaphore(2)
        self._waiting = 0
        self._decoy = self._hasher.hash("no account has this password")

    async def hash(self, password: str) -> str:
        return await self._off_the_loop(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is right. Without a stored hash it takes as long, and is never right."""
        right = await self._off_the_loop(self._matches, stored or self._decoy, password)
        return right and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _off_the_loop(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._waiting >= _MAX_WAITING:
            raise TooManySignIns(headers={"Retry-After": "2"})
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(work, *args, **kwargs)
        finally:
            self._waiting -= 1
