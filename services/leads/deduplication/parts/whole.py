"""What belongs to a lead, inside the statements of other rooms."""

from __future__ import annotations


def whole(tenant: str, lead: str) -> str:
    """SQL: a relation `w (id)` of a lead and all that are parts of it now; both are expressions.

    Written down where it is read, not in the rows that are merged: what comes for a part at the same moment
    counts for the whole, too, and is the part's own again when the merge is undone.
    """
    return f"""(
  select {lead} as id union all
  select m.lead_id from merges m where m.tenant_id = {tenant} and m.root_id = {lead}) w"""  # noqa: S608 - own words
