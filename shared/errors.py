"""One exception tree for broken rules; `shared.web.problems` turns each into a status in one table.

    CoxError
    ├── Invalid            the request's content breaks a rule (422)
    ├── Malformed          it cannot be read at all (400)
    ├── Unauthenticated    nobody, or somebody whose proof is not good (401)
    ├── Forbidden          somebody who may not (403)
    ├── NotFound           no such thing, or none that the caller may see (404)
    ├── Conflict           the state of things refuses it (409)
    ├── Gone               it was there, and was ended on purpose (410)
    ├── PreconditionFailed the caller acted on an old version (412)
    ├── TooLarge           (413)
    ├── LimitReached       too many requests (429)
    ├── Unavailable        not now; safe to try again (503)
    └── NotYet             the awaited state did not come in time (504)

Concrete errors name the rule: `class LeadAlreadyClaimed(Conflict): code = "lead_already_claimed"`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One bad field: a JSON pointer (`/items/3/phone`), a stable code, and what would be right."""

    pointer: str
    code: str
    detail: str


class CoxError(Exception):
    """A broken rule. `detail` says what and what would be right; it never holds a secret or a stack."""

    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong"

    def __init__(
        self,
        detail: str = "",
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.problem_code = code or self.code


@contextmanager
def errors_under(pointer: str) -> Iterator[None]:
    """What is checked within is that part of the request: pointers of what breaks a rule begin with it."""
    try:
        yield
    except CoxError as error:
        error.errors = tuple(replace(each, pointer=pointer + each.pointer) for each in error.errors)
        raise


class Invalid(CoxError):
    code = "invalid_request"
    title = "The request's content breaks a rule"


class Malformed(CoxError):
    code = "malformed_request"
    title = "The request cannot be read"


class Unauthenticated(CoxError):
    code = "unauthenticated"
    title = "Sign in first"


class Forbidden(CoxError):
    code = "forbidden"
    title = "Not allowed"


class NotFound(CoxError):
    code = "not_found"
    title = "Not found"


class Conflict(CoxError):
    code = "conflict"
    title = "The present state refuses this"


class Gone(CoxError):
    code = "gone"
    title = "No longer there"


class PreconditionFailed(CoxError):
    code = "version_changed"
    title = "It changed since it was read"


class TooLarge(CoxError):
    code = "too_large"
    title = "Too large"


class LimitReached(CoxError):
    code = "rate_limited"
    title = "Too many requests"


class Unavailable(CoxError):
    code = "unavailable"
    title = "Not available right now"


class NotYet(CoxError):
    code = "not_yet_applied"
    title = "Not applied in time"
