"""The way of what people leave: to leads, as everybody's leads go, and never further from there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import orjson

from services.gateway.forms.asked import Fixed
from services.gateway.forms.rules import Form
from services.gateway.forms.submission import BadSubmission, Left, as_asked, lead_of
from services.gateway.limits.limiter import Limiter
from services.gateway.limits.rules import TooManySubmissions, Window
from services.gateway.tenancy.use_cases import present_tenant
from services.gateway.upstream.services import NotNow, Refused, Services
from shared.access.principal import Principal, service_principal
from shared.database.transactions import Access, Database
from shared.errors import Conflict, CoxError, Invalid, Unavailable
from shared.observability.logs import get_logger

log = get_logger(__name__)

_MINUTE_S = 60
_DAY_S = 24 * 60 * 60
_DUPLICATE = "duplicate_lead"
_REUSED = "idempotency_key_reused"


class NotTaken(Unavailable):
    code = "not_taken"
    title = "It could not be taken right now: nothing is kept of it, send it again"


class FormOutdated(Conflict):
    code = "form_outdated"
    title = "The form no longer fits what is taken here; whoever published it has to change it"


class Attribution(Protocol):
    """A code that somebody came by. `fixed` is what it says of them."""

    @property
    def fixed(self) -> Fixed: ...


class Codes(Protocol):
    """The codes that people come by."""

    async def attribution(self, tenant_id: UUID, key: str) -> Attribution | None:
        """What a tenant's code says of whoever comes by it; None where it has no such code that is open."""
        ...

    async def came(self, tenant_id: UUID, by: Any, lead_id: UUID, at: datetime) -> None:
        """Count a lead; the same one once."""
        ...


@dataclass(frozen=True, slots=True)
class Counter:
    """Where submissions are taken: made once for a process."""

    database: Database
    services: Services
    limiter: Limiter
    codes: Codes

    async def admit(self, form: Form, address: str) -> None:
        """Count an attempt from an address. Raises TooManySubmissions."""
        window = Window(form.per_minute, _MINUTE_S)
        await self.limiter.take(TooManySubmissions, window, "form from", str(form.id), address)

    async def take(self, form: Form, left: Left, *, key: str | None, at: datetime) -> None:
        """Hand it to leads, whose answer says nothing to the outside: not even whether they knew them.

        `key`: the sender's Idempotency-Key. Raises BadSubmission, TooManySubmissions, NotTaken, FormOutdated.
        """
        if left.trapped:
            log.info("form_trapped", form_id=str(form.id))
            return
        by = await self.codes.attribution(form.tenant_id, left.via) if left.via else None
        body = lead_of(form, left, by.fixed if by else None, await self._currency(form, left))
        window = Window(form.per_day, _DAY_S)
        await self.limiter.take(TooManySubmissions, window, "form", str(form.id))
        lead_id = await self._sent(form, body, key or _key_of(left, body))
        if by is not None and lead_id is not None:
            await self._counted(form, by, lead_id, at)

    async def _counted(self, form: Form, by: Attribution, lead_id: UUID, at: datetime) -> None:
        try:
            await self.codes.came(form.tenant_id, by, lead_id, at)
        except Exception as error:  # noqa: BLE001 - leads has it: told to send it again, they would be two
            log.warning("form_not_counted", form_id=str(form.id), error=type(error).__name__)

    async def _currency(self, form: Form, left: Left) -> str:
        if "value" not in left.values:
            return ""
        async with self.database.transaction(Access(form.tenant_id)) as tx:
            return (await present_tenant(tx)).currency

    async def _sent(self, form: Form, body: Mapping[str, Any], key: str | None) -> UUID | None:
        try:
            answer = await self.services.post(
                "leads", "/v1/leads", body, principal=principal_of(form), idempotency_key=key
            )
        except NotNow as error:
            raise NotTaken from error
        except Refused as refused:
            if refused.said_code == _DUPLICATE:
                # It is kept out, which is none of their business who sent it.
                return None
            raise _refusal(form, refused) from None
        return UUID(answer.body["id"])


def _refusal(form: Form, refused: Refused) -> CoxError:
    """In the words of whoever filled the form in, as far as they can do anything about it."""
    if refused.said_code == _REUSED:
        return Invalid(refused.said, errors=refused.fields, code=_REUSED)
    errors = as_asked(form, refused.fields)
    if errors:
        return BadSubmission(errors=errors)
    log.warning("form_outdated", form_id=str(form.id), said=refused.said_code)
    return FormOutdated()


def _key_of(left: Left, body: Mapping[str, Any]) -> str | None:
    """One filling-in of a page, sent twice, is one lead; corrected and sent again, it is another."""
    if left.submission is None:
        return None
    return hashlib.sha256(left.submission.encode() + b"\0" + orjson.dumps(body)).hexdigest()


def principal_of(form: Form) -> Principal:
    """Nobody in particular, who may do nothing but bring leads into the form's tenant."""
    return replace(service_principal(form.tenant_id, form.id), scopes=frozenset({"leads:write"}))
