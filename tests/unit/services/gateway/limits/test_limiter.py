"""The limiter: refuses beyond the burst; lets everybody through while its store does not answer."""

from __future__ import annotations

import pytest

from deploy.local.ports import free_port
from services.gateway.limits.limiter import Limiter, storage_at
from services.gateway.limits.rules import TooManyAttempts, TooManyRequests
from tests.support.windows import stand_still


@pytest.fixture(autouse=True)
def _still_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_still(monkeypatch)


class TestAdmit:
    async def test_refuses_and_says_how_long_to_wait_when_the_burst_is_used_up(self) -> None:
        limiter = Limiter(storage_at(None), per_s=1, burst=3)
        for _ in range(3):
            await limiter.admit("rep")
        with pytest.raises(TooManyRequests) as refused:
            await limiter.admit("rep")
        assert int(refused.value.headers["Retry-After"]) >= 1
        await limiter.admit("somebody else")

    @pytest.mark.parametrize("scheme", ["valkey", "redis"])
    async def test_lets_through_when_the_store_does_not_answer(self, scheme: str) -> None:
        limiter = Limiter(storage_at(f"{scheme}://127.0.0.1:{free_port()}"), per_s=1, burst=1)
        for _ in range(3):
            await limiter.admit("rep")
            await limiter.check_sign_in("rep@example.com", "127.0.0.1")
            await limiter.count_failure("rep@example.com", "127.0.0.1")


class TestSignIn:
    async def test_refuses_the_account_when_it_failed_too_often(self) -> None:
        limiter = Limiter(storage_at(None), per_s=1, burst=1)
        for attempt in range(10):
            await limiter.check_sign_in("rep@example.com", f"10.0.0.{attempt}")
            await limiter.count_failure("rep@example.com", f"10.0.0.{attempt}")
        with pytest.raises(TooManyAttempts):
            await limiter.check_sign_in("rep@example.com", "10.0.1.1")
        await limiter.check_sign_in("other@example.com", "10.0.0.1")
