"""Counting, by the `limits` library: in memory, or in Valkey for several gateways."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from functools import lru_cache

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import RateLimiter, SlidingWindowCounterRateLimiter
from limits.errors import StorageError
from limits.storage import storage_from_string

from services.gateway.limits.rules import TooManyAttempts, TooManyRequests, Window, headers, window_for
from shared.errors import LimitReached
from shared.observability.logs import get_logger
from shared.observability.metrics import RATE_LIMITED

log = get_logger(__name__)

_WINDOW_S = 900
ACCOUNT_FAILURES = Window(10, _WINDOW_S)
ADDRESS_FAILURES = Window(100, _WINDOW_S)


def storage_at(url: str | None) -> Storage:
    """Where to count: this process's memory, or Valkey at `valkey://…` (or Redis at `redis://…`)."""
    if url is None:
        return MemoryStorage()
    scheme, _, rest = url.partition("://")
    found = storage_from_string(f"async+{scheme}://{rest}", implementation="valkey", wrap_exceptions=True)
    assert isinstance(found, Storage)  # noqa: S101 - `async+` is what asks for one
    return found


class Limiter:
    """What the door asks before it lets anybody through."""

    def __init__(self, storage: Storage, *, per_s: int, burst: int) -> None:
        self._limiter: RateLimiter = SlidingWindowCounterRateLimiter(storage)
        self._window = window_for(per_s, burst)

    async def admit(self, principal: str) -> None:
        """Count a request of a principal. Raises TooManyRequests."""
        await self.take(TooManyRequests, self._window, "request", principal)

    async def take(self, refusal: type[LimitReached], window: Window, *key: str) -> None:
        """Count one more of what `key` names. Raises `refusal` beyond the window's amount."""
        item = _item(window)
        if not await _answered(self._limiter.hit(item, *key)):
            RATE_LIMITED.labels("gateway").inc()
            stats = await self._limiter.get_window_stats(item, *key)
            raise refusal(headers=headers(window, stats.remaining, stats.reset_time - time.time()))

    async def check_sign_in(self, account: str, address: str) -> None:
        """Raises TooManyAttempts where an account or an address failed too often lately."""
        for window, kind, key in self._sign_in_keys(account, address):
            item = _item(window)
            if not await _answered(self._limiter.test(item, kind, key)):
                stats = await self._limiter.get_window_stats(item, kind, key)
                raise TooManyAttempts(
                    headers=headers(window, stats.remaining, stats.reset_time - time.time())
                )

    async def count_failure(self, account: str, address: str) -> None:
        """Remember a failed attempt to sign in."""
        for window, kind, key in self._sign_in_keys(account, address):
            await _answered(self._limiter.hit(_item(window), kind, key))

    @staticmethod
    def _sign_in_keys(account: str, address: str) -> list[tuple[Window, str, str]]:
        return [(ACCOUNT_FAILURES, "account", account), (ADDRESS_FAILURES, "address", address)]


async def _answered(asked: Awaitable[bool]) -> bool:
    """The storage's answer; yes where it gives none: a store of counters is not worth an outage."""
    try:
        return await asked
    except StorageError as error:
        log.warning("limits_not_counted", error=repr(error.storage_error))
        return True


@lru_cache(maxsize=1024)
def _item(window: Window) -> RateLimitItemPerSecond:
    return RateLimitItemPerSecond(window.amount, window.seconds)
