"""Which window of time stands for a rate with a burst."""

from __future__ import annotations

import math
from dataclasses import dataclass

from shared.errors import LimitReached


class TooManyRequests(LimitReached):
    code = "rate_limited"
    title = "More requests than this principal may send; wait as Retry-After says"


class TooManyAttempts(LimitReached):
    code = "too_many_attempts"
    title = "Too many failed attempts to sign in; wait as Retry-After says"


class TooManySubmissions(LimitReached):
    code = "too_many_submissions"
    title = "The form takes no more right now; wait as Retry-After says"


@dataclass(frozen=True, slots=True)
class Window:
    """At most `amount` within any `seconds`."""

    amount: int
    seconds: int


def window_for(per_s: int, burst: int) -> Window:
    """A window whose mean is `per_s` and that lets at least `burst` pass at once (whole seconds)."""
    seconds = max(1, math.ceil(burst / per_s))
    return Window(per_s * seconds, seconds)


def headers(window: Window, remaining: int, reset_after_s: float) -> dict[str, str]:
    """What a refused client is told: when to come back, and the policy (seconds, requests)."""
    wait = str(max(1, math.ceil(reset_after_s)))
    return {
        "Retry-After": wait,
        "RateLimit-Limit": str(window.amount),
        "RateLimit-Remaining": str(remaining),
        "RateLimit-Reset": wait,
        "RateLimit-Policy": f"{window.amount};w={window.seconds}",
    }
