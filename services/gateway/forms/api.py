"""Routes of those who make forms: `/v1/forms`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import Response

from services.gateway.forms import use_cases
from services.gateway.forms.asked import ConsentShown, Shown
from services.gateway.forms.checking import shown_consent, shown_fields
from services.gateway.forms.models import FormIn, FormOut, FormPatch
from services.gateway.forms.rules import Form
from services.gateway.upstream.services import Services
from shared.access.principal import Principal
from shared.events.positions import Position
from shared.ids import new_id
from shared.web.context import Now, context_of
from shared.web.paging import Page, PageQuery, page_query
from shared.web.reads import Read, read_access
from shared.web.routing import Router
from shared.web.wire import Id
from shared.web.writes import Write, write_access

router = Router(prefix="/v1/forms", tags=["forms"])
Reading = Annotated[Read, Depends(read_access("leads:read"))]
Writing = Annotated[Write, Depends(write_access("config:write"))]


async def _base(request: Request) -> str:
    return context_of(request).settings.public_url


async def _services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


Base = Annotated[str, Depends(_base)]
Asking = Annotated[Services, Depends(_services)]


@router.get("", response_model=Page[FormOut])
async def get_forms(read: Reading, page: Annotated[PageQuery, Depends(page_query)], base: Base) -> Response:
    """The tenant's forms, closed ones too."""
    async with read.transaction() as tx:
        after = page.after[0] if page.after else None
        found = await use_cases.list_forms(tx, after, page.limit + 1)
    return page.answer(found, key=lambda form: [form.id], render=lambda form: FormOut.of(form, base))


@router.post("", status_code=201, response_model=FormOut)
async def post_form(body: FormIn, write: Writing, services: Asking, base: Base, at: Now) -> Response:
    """Make a form. Its fields and its notice are looked up among leads, and shown as they are now."""
    # Before the transaction: a service is asked.
    fields = await shown_fields(services, write.principal, body.fields)
    consent = await shown_consent(services, write.principal, body.consent)
    form = _form(write.principal, body, fields, consent, new_id(), at)
    return await write.run(
        lambda tx: use_cases.define_form(tx, form), render=lambda made: FormOut.of(made, base), status=201
    )


def _form(
    who: Principal,
    body: FormIn,
    fields: tuple[Shown, ...],
    consent: ConsentShown | None,
    id_: UUID,
    at: datetime,
) -> Form:
    return Form(
        id=id_,
        tenant_id=who.tenant_id,
        version=1,
        key=use_cases.new_key(),
        name=body.name,
        title=body.title,
        intro=body.intro,
        fields=fields,
        fixed=body.fixed,
        consent=consent,
        origins=tuple(dict.fromkeys(body.origins)),
        thanks=body.thanks,
        redirect_url=body.redirect_url,
        per_minute=body.per_minute,
        per_day=body.per_day,
        enabled=body.enabled,
        changed_by=who.user_id,
        created_at=at,
        updated_at=at,
    )


@router.get("/{form_id}", response_model=FormOut)
async def get_form(form_id: Id, read: Reading, base: Base) -> Response:
    """One form."""
    return await read.one(
        lambda tx: use_cases.form_of(tx, form_id),
        lambda form: FormOut.of(form, base),
        position=lambda form: Position("cox.gateway", form.id, form.version),
    )


@router.patch("/{form_id}", response_model=FormOut)
async def patch_form(
    form_id: Id, body: FormPatch, write: Writing, services: Asking, base: Base, at: Now
) -> Response:
    """Change a form, close it (`enabled: false`), or give it another address: the old one is gone at once."""
    changes = dict(body.changes())
    if body.fields is not None:
        changes["fields"] = await shown_fields(services, write.principal, body.fields)
    if body.consent is not None:
        changes["consent"] = await shown_consent(services, write.principal, body.consent)
    if body.origins is not None:
        changes["origins"] = tuple(dict.fromkeys(body.origins))
    return await write.run(
        lambda tx: use_cases.change_form(
            tx,
            form_id,
            changes,
            renew_key=body.renew_key,
            user_id=write.principal.user_id,
            at=at,
            check_version=write.check,
        ),
        render=lambda form: FormOut.of(form, base),
    )
