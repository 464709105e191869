"""What leads knows of the fields and the notice that a form names: asked when the form is made or changed.

Copied into the form then: who fills it in is shown what stood there, whether leads answers or not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args
from uuid import UUID

from services.gateway.forms.asked import Asked, ConsentAsked, ConsentShown, Kind, Label, Option, Shown
from services.gateway.forms.rules import BadForm, check_asked, plain_shown
from services.gateway.upstream.services import Refused, Services
from shared.access.principal import Principal
from shared.errors import FieldError
from shared.web.paging import MAX_LIMIT

NOT_FOUND = 404
Definitions = Mapping[str, Mapping[str, Any]]
_CHOOSING = frozenset({"choice", "choices"})
_CHOSEN_AS_TEXT = frozenset({"text", "long_text", "choice", "choices"})


async def shown_fields(services: Services, who: Principal, asked: Sequence[Asked]) -> tuple[Shown, ...]:
    """The fields as people see them. Raises BadForm, naming every place at fault, or NotNow."""
    check_asked(asked)
    keys = {each.custom_key for each in asked if each.custom_key is not None}
    defined: Definitions = {}
    keeps_unknown = True
    if keys:
        who.require("leads:read")
        defined = await _defined(services, who)
        if defined and not keys <= defined.keys():
            terms = await services.get("leads", "/v1/custom-fields/terms", principal=who)
            keeps_unknown = terms.body["unknown_keys"] == "kept"
    errors: list[FieldError] = []
    found = [_shown(at, each, defined, errors, keeps_unknown) for at, each in enumerate(asked)]
    if errors:
        raise BadForm(errors[0].detail, errors=errors)
    return tuple(found)


async def _defined(services: Services, who: Principal) -> Definitions:
    found: dict[str, Mapping[str, Any]] = {}
    cursor: str | None = ""
    while cursor is not None:
        more = f"&cursor={cursor}" if cursor else ""
        page = await services.get("leads", f"/v1/custom-fields?limit={MAX_LIMIT}{more}", principal=who)
        found |= {each["key"]: each for each in page.body["items"] if each["active"]}
        cursor = page.body["next_cursor"]
    return found


def _shown(
    at: int, asked: Asked, defined: Definitions, errors: list[FieldError], keeps_unknown: bool
) -> Shown:
    key = asked.custom_key
    if key is None:
        return plain_shown(asked)
    known = defined.get(key)
    if known is None:
        if not keeps_unknown:
            detail = f"There is no custom field {key}; POST /v1/custom-fields defines one"
            errors.append(FieldError(f"/fields/{at}/field", "unknown_custom_field", detail))
        kind: Kind = "choice" if asked.options else "text"
        return _as(asked, asked.label or Label(en=key), kind, asked.options)
    kind = cast(Kind, known["type"])
    if kind not in get_args(Kind):
        detail = f"A field of type {kind} cannot be asked in a form"
        errors.append(FieldError(f"/fields/{at}/field", "not_askable", detail))
        kind = "text"
    label = asked.label or Label(**known["labels"])
    return _as(asked, label, *_choice(at, asked, kind, known, errors))


def _choice(
    at: int, asked: Asked, kind: Kind, known: Mapping[str, Any], errors: list[FieldError]
) -> tuple[Kind, list[Option]]:
    if kind not in _CHOOSING:
        if asked.options and kind not in _CHOSEN_AS_TEXT:
            detail = f"Nobody chooses a field of type {kind}"
            errors.append(FieldError(f"/fields/{at}/options", "not_a_choice", detail))
        return ("choice", asked.options) if asked.options else (kind, [])
    there = {
        option["key"]: Option(value=option["key"], label=Label(**option["labels"]))
        for option in known["options"]
        if option["active"]
    }
    for place, option in enumerate(asked.options):
        if option.value not in there:
            detail = f"One of {', '.join(there)}"
            errors.append(FieldError(f"/fields/{at}/options/{place}/value", "unknown_value", detail))
    chosen = [
        option if option.label or option.value not in there else there[option.value]
        for option in asked.options
    ]
    return kind, chosen or list(there.values())


def _as(asked: Asked, label: Label, kind: Kind, options: list[Option]) -> Shown:
    return Shown(field=asked.field, label=label, required=asked.required, options=options, kind=kind)


async def shown_consent(
    services: Services, who: Principal, asked: ConsentAsked | None
) -> ConsentShown | None:
    """What people may agree to, with the notice's words. Raises BadForm, NotNow."""
    if asked is None:
        return None
    purposes = [each.purpose for each in asked.purposes]
    for at, purpose in enumerate(purposes):
        if purpose in purposes[:at]:
            raise _bad(f"/consent/purposes/{at}/purpose", "repeated_purpose", f"{purpose} is asked once")
    if asked.notice_id is None:
        return ConsentShown(purposes=asked.purposes)
    who.require("leads:read")
    versions = await _versions(services, who, asked.notice_id)
    wording = next((each["wording"] for each in versions if each["version"] == asked.notice_version), None)
    if wording is None:
        detail = f"The notice has the versions {', '.join(str(each['version']) for each in versions)}"
        raise _bad("/consent/notice_version", "unknown_version", detail)
    return ConsentShown(
        purposes=asked.purposes,
        notice_id=asked.notice_id,
        notice_version=asked.notice_version,
        wording=wording,
    )


async def _versions(services: Services, who: Principal, notice_id: UUID) -> Sequence[Mapping[str, Any]]:
    try:
        found = await services.get("leads", f"/v1/notices/{notice_id}", principal=who)
    except Refused as refused:
        if refused.status == NOT_FOUND:
            raise _bad("/consent/notice_id", "unknown_notice", f"There is no notice {notice_id}") from None
        raise
    versions: Sequence[Mapping[str, Any]] = found.body["versions"]
    return versions


def _bad(pointer: str, code: str, detail: str) -> BadForm:
    return BadForm(detail, errors=[FieldError(pointer, code, detail)])
