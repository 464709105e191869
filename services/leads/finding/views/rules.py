"""What a saved view is, and who may change it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.leads.finding.filtering.filters import LeadFilters, Sort
from shared.access.principal import Principal
from shared.errors import Conflict, Forbidden

SharedWith = Literal["nobody", "unit", "tenant"]
MOST_VIEWS = 200


class NotYourView(Forbidden):
    code = "not_your_view"
    title = "A view is changed by its owner; a shared one also by who configures the tenant"


class SharingNotAllowed(Forbidden):
    code = "sharing_not_allowed"
    title = "Views are shared with one's own unit or one below; with everybody by who sees the whole tenant"


class ViewOutdated(Conflict):
    code = "view_outdated"
    title = "The view names what is no longer there: change it first"


class TooManyViews(Conflict):
    code = "too_many_views"
    title = f"Nobody keeps more than {MOST_VIEWS} views"


@dataclass(frozen=True, slots=True)
class View:
    """A view as it is now; `unit_id` where it is shared with a unit."""

    id: UUID
    version: int
    owner_id: UUID
    name: str
    shared_with: SharedWith
    unit_id: UUID | None
    filters: LeadFilters
    sort: Sort | None
    columns: Sequence[str]
    created_at: datetime


def check_changes(view: View, who: Principal) -> None:
    """Raises NotYourView."""
    if view.owner_id != who.user_id and not (view.shared_with != "nobody" and who.may("config:write")):
        raise NotYourView


def may_share_with_all(who: Principal) -> bool:
    return who.visibility == "tenant" or who.may("config:write")
