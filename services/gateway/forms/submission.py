"""What somebody left in a form: read by what the form asks, and as the lead that it becomes. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from services.gateway.forms.asked import CUSTOM, ConsentAsked, Fixed, Kind, Shown
from services.gateway.forms.rules import CONSENT, NAMING, RESERVED, SUBMISSION, TRAP, VIA, Form
from shared.errors import FieldError, Invalid, Malformed

MOST_FIELDS = 300
_MOST_CHOSEN = 200
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,10})?")
_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,4})?")
_TICKED = frozenset({"on", "true", "yes", "1"})
_CLEARED = frozenset({"false", "no", "0"})

Given = Mapping[str, Any]
"""Names with what was left: texts of a page, values of JSON; lists where several were chosen."""


class BadSubmission(Invalid):
    code = "invalid_request"
    title = "Fields are missing or not as they should be; see errors"


class FormUnreadable(Malformed):
    code = "bad_form_data"
    title = "The body is no form as browsers send it"


@dataclass(frozen=True, slots=True)
class Left:
    """What somebody left. `trapped`: they filled in what no person sees; `via`: the code they came by;
    `submission`: the page's own name for this filling-in.
    """

    values: Mapping[str, Any]
    purposes: tuple[str, ...] = ()
    via: str | None = None
    submission: str | None = None
    trapped: bool = False


def form_data(body: bytes) -> dict[str, Any]:
    """Names with their values, as a page sends them; names that stand several times have a list."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS
        )
    except ValueError:
        detail = f"application/x-www-form-urlencoded in UTF-8, of at most {MOST_FIELDS} fields"
        raise FormUnreadable(detail) from None
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            known = found[name]
            found[name] = [*known, value] if isinstance(known, list) else [known, value]
        else:
            found[name] = value
    return found


def read(form: Form, given: Given) -> Left:
    """Raises BadSubmission, naming every field at fault by its name in the form."""
    asked = {each.field: each for each in form.fields}
    known = asked.keys() | (RESERVED if form.consent is not None else RESERVED - {CONSENT})
    errors = [
        FieldError(_pointer(name), "unknown_field", "The form does not ask for this")
        for name in given
        if name not in known
    ]
    values: dict[str, Any] = {}
    for name, shown in asked.items():
        value = _value(shown, given.get(name), errors)
        if value is not None:
            values[name] = value
    purposes = _purposes(form.consent, given.get(CONSENT), errors)
    if not errors and not any(name in values for name in NAMING):
        first = next(each.field for each in form.fields if each.field in NAMING)
        errors.append(
            FieldError(f"/{first}", "required", "Say who you are: this, or another way to reach you")
        )
    if errors:
        raise BadSubmission(errors=errors[:100])
    return Left(values, purposes, _text(given, VIA, 40), _text(given, SUBMISSION, 100), bool(given.get(TRAP)))


def _pointer(name: str) -> str:
    return "/" + name[:100].replace("~", "~0").replace("/", "~1")


def _text(given: Given, name: str, most: int) -> str | None:
    """What is no answer of theirs is not worth a refusal: what cannot be one of ours is passed over."""
    value = given.get(name)
    return value if isinstance(value, str) and 1 <= len(value) <= most else None


def _value(shown: Shown, given: Any, errors: list[FieldError]) -> Any:
    pointer = f"/{shown.field}"
    if isinstance(given, list) and shown.kind != "choices":
        errors.append(FieldError(pointer, "repeated_field", "One answer is enough here"))
        return None
    if isinstance(given, dict):
        errors.append(FieldError(pointer, "wrong_type", "A text, a number, true or false"))
        return None
    plain = given.strip() if isinstance(given, str) else given
    if plain is None or plain == "" or plain == []:
        if shown.required:
            errors.append(FieldError(pointer, "required", "This has to be filled in"))
        return None
    try:
        value = _READERS[shown.kind](shown, plain)
    except _Misfit as misfit:
        errors.append(FieldError(pointer, misfit.code, misfit.detail))
        return None
    if shown.kind == "boolean" and shown.required and value is not True:
        errors.append(FieldError(pointer, "required", "This has to be ticked"))
    return value


class _Misfit(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


def _as_text(_: Shown, given: Any) -> str:
    if not isinstance(given, str):
        raise _Misfit("wrong_type", "A text")
    return given


def _as_money(_: Shown, given: Any) -> str:
    text = given.replace(",", "") if isinstance(given, str) else str(given)
    if isinstance(given, bool) or not _AMOUNT.fullmatch(text):
        raise _Misfit("bad_format", "An amount such as 12000 or 12000.50")
    return text


def _as_integer(_: Shown, given: Any) -> int:
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    if not isinstance(given, str) or not _INTEGER.fullmatch(given):
        raise _Misfit("not_an_integer", "A whole number such as 12")
    return int(given)


def _as_number(_: Shown, given: Any) -> int | float:
    if isinstance(given, int | float) and not isinstance(given, bool):
        return given
    if not isinstance(given, str) or not _NUMBER.fullmatch(given):
        raise _Misfit("not_a_number", "A number such as 12.5")
    return float(given) if "." in given else int(given)


def _as_boolean(_: Shown, given: Any) -> bool:
    if isinstance(given, bool):
        return given
    said = given.lower() if isinstance(given, str) else ""
    if said not in _TICKED | _CLEARED:
        raise _Misfit("not_a_boolean", "true or false")
    return said in _TICKED


def _as_choice(shown: Shown, given: Any) -> str:
    values = [option.value for option in shown.options]
    if given not in values:
        raise _Misfit("unknown_value", f"One of {', '.join(values)[:500]}")
    return str(given)


def _as_choices(shown: Shown, given: Any) -> str:
    several = given if isinstance(given, list) else [given]
    if len(several) > _MOST_CHOSEN:
        raise _Misfit("too_long", f"At most {_MOST_CHOSEN} of them")
    return ";".join(dict.fromkeys(_as_choice(shown, each) for each in several))


_READERS: Mapping[Kind, Callable[[Shown, Any], Any]] = {
    "text": _as_text,
    "long_text": _as_text,
    "phone": _as_text,
    "email": _as_text,
    "date": _as_text,
    "url": _as_text,
    "money": _as_money,
    "integer": _as_integer,
    "number": _as_number,
    "boolean": _as_boolean,
    "choice": _as_choice,
    "choices": _as_choices,
}


def _purposes(asked: ConsentAsked | None, given: Any, errors: list[FieldError]) -> tuple[str, ...]:
    if asked is None:
        return ()
    several = given if isinstance(given, list) else [] if given in (None, "") else [given]
    known = [each.purpose for each in asked.purposes]
    if any(each not in known for each in several):
        detail = f"Some of {', '.join(known)}"
        errors.append(FieldError(f"/{CONSENT}", "unknown_value", detail))
        return ()
    for each in asked.purposes:
        if each.required and each.purpose not in several:
            detail = f"Nothing can be sent without agreeing to {each.purpose}"
            errors.append(FieldError(f"/{CONSENT}", "required", detail))
    return tuple(each for each in known if each in several)


def lead_of(form: Form, left: Left, over: Fixed | None, currency: str) -> dict[str, Any]:
    """The body of POST /v1/leads. `over`: what a code says of whoever comes by it, before the form's own.

    The same for the same submission: its Idempotency-Key stands for all of it.
    """
    fixed = over.over(form.fixed) if over is not None else form.fixed
    body: dict[str, Any] = {name: value for name, value in fixed if value}
    custom: dict[str, Any] = {}
    for name, value in left.values.items():
        if name.startswith(CUSTOM):
            custom[name.removeprefix(CUSTOM)] = value
        elif name == "value":
            body[name] = {"amount": value, "currency": currency}
        else:
            body[name] = value
    if custom:
        body["custom"] = custom
    if left.purposes:
        body["consent"] = _consent(form, left.purposes)
    return body


def _consent(form: Form, purposes: Sequence[str]) -> dict[str, Any]:
    said: dict[str, Any] = {"purposes": list(purposes), "how": "form", "evidence": f"form {form.id}"}
    if form.consent is not None and form.consent.notice_id is not None:
        said["notice_id"] = str(form.consent.notice_id)
        said["notice_version"] = form.consent.notice_version
    return said


def as_asked(form: Form, refused: Iterable[FieldError]) -> list[FieldError]:
    """What is wrong with a lead, by the form's names; what the form does not ask is left out."""
    asked = [each.field for each in form.fields]
    found = []
    for error in refused:
        parts = error.pointer.split("/")[1:]
        name = f"{CUSTOM}{parts[1]}" if parts[:1] == ["custom"] and len(parts) > 1 else "".join(parts[:1])
        if name == "name" and name not in asked:
            name = next(each for each in asked if each in NAMING)
        if name in asked:
            found.append(replace(error, pointer=f"/{name}"))
    return found
