"""Row-level security as the second belt: what migrations execute so that a forgotten `where` shows nothing.

`cox_app` sees the rows of the transaction's tenant and, where a table has owners, what the visibility
predicate lets through. `cox_worker` (relay, consumers of projections) sees all; its statements name the
tenant themselves. Who is asking stands in the transaction's variables, set by `Database.transaction`; unset,
nothing is visible.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

PRELUDE = (
    "create extension if not exists pg_trgm",
    """create or replace function cox_tenant() returns uuid language sql stable parallel safe
       return nullif(current_setting('cox.tenant_id', true), '')::uuid""",
    """create or replace function cox_user() returns uuid language sql stable parallel safe
       return nullif(current_setting('cox.user_id', true), '')::uuid""",
    """create or replace function cox_unit() returns uuid language sql stable parallel safe
       return nullif(current_setting('cox.unit_id', true), '')::uuid""",
    """create or replace function cox_visibility() returns text language sql stable parallel safe
       return nullif(current_setting('cox.visibility', true), '')""",
    "grant usage on schema public to cox_app, cox_worker, cox_search",
    "grant create on schema public to cox_search",
    """alter default privileges in schema public
       grant select, insert, update, delete on tables to cox_app, cox_worker""",
    """alter default privileges in schema public
       grant usage, select on sequences to cox_app, cox_worker""",
)
"""Run by `upgrade` before a database's migrations, each time: tables made later are granted by themselves."""

_SUBTREE = (
    "select c.descendant_id from org_closure c"
    " where c.tenant_id = cox_tenant() and c.ancestor_id = cox_unit()"
)
_NAME = re.compile(r"^[a-z_][a-z0-9_]*$")


def _checked(*names: str) -> None:
    for name in names:
        if not _NAME.match(name):
            raise ValueError(f"not a plain SQL name: {name!r}")


def visible(owner: str, team: str, creator: str) -> str:
    """THE visibility predicate in SQL, over these columns of the table. Own is part of every other."""
    _checked(owner, team, creator)
    return (
        f"(cox_visibility() = 'tenant' or {owner} = cox_user()"
        f" or ({owner} is null and {creator} = cox_user())"
        f" or (cox_visibility() = 'team' and {team} = cox_unit())"
        f" or (cox_visibility() = 'subtree' and {team} in ({_SUBTREE})))"
    )


def _forced(table: str) -> list[str]:
    return [
        f"alter table {table} enable row level security",
        f"alter table {table} force row level security",
        f"create policy worker_all on {table} to cox_worker using (true) with check (true)",
    ]


def tenant_policy(table: str) -> list[str]:
    """The app sees and writes the rows of its tenant only."""
    _checked(table)
    mine = "tenant_id = cox_tenant()"
    return [
        *_forced(table),
        f"create policy app_tenant on {table} to cox_app using ({mine}) with check ({mine})",
    ]


def visibility_policy(
    table: str, owner: str = "owner_id", team: str = "team_id", creator: str = "created_by"
) -> list[str]:
    """The app sees what the predicate lets through.

    PostgreSQL holds the new row of an update to the same predicate, so a use case that hands a row to
    somebody else calls `Tx.as_tenant()` once it has loaded the row as the caller.
    """
    _checked(table)
    using = f"tenant_id = cox_tenant() and {visible(owner, team, creator)}"
    return [
        *_forced(table),
        f"create policy app_visible on {table} to cox_app using ({using})"
        " with check (tenant_id = cox_tenant())",
    ]


def search_policy(table: str) -> list[str]:
    """Lets search functions (security definer) read the table: they hold the predicate, return only ids."""
    _checked(table)
    return [
        f"grant select on {table} to cox_search",
        f"create policy search_all on {table} for select to cox_search using (true)",
    ]


def search_function(signature: str) -> list[str]:
    """Makes a function run as the search role; `signature` as in `search_leads(uuid, text)`."""
    return [
        f"alter function {signature} owner to cox_search",
        f"alter function {signature} security definer",
        f"alter function {signature} set search_path = public, pg_temp",
        f"revoke execute on function {signature} from public",
        f"grant execute on function {signature} to cox_app, cox_worker",
    ]


LONGEST_CHAIN = 64


def sees_end(function: str, table: str, key: str, following: str) -> str:
    """A function `function(uuid)`: whether somebody sees the row of `table` at the end of a chain that begins
    with this `key`. A row's column `following` names the next one's; such chains are short.
    """
    _checked(function, table, key, following)
    return f"""
create function {function}(wanted uuid) returns boolean language plpgsql stable as $body$
declare
  at uuid := wanted;
  found_it boolean;
begin
  for step in 1..{LONGEST_CHAIN} loop
    select {visible("owner_id", "team_id", "created_by")}, {following} into found_it, at
      from {table} where tenant_id = cox_tenant() and {key} = at;
    if not found then
      return false;
    elsif at is null then
      return found_it;
    end if;
  end loop;
  return false;
end $body$
"""  # noqa: S608 - checked names


def append_only(table: str) -> list[str]:
    """Nobody but the owner changes or removes what was written."""
    _checked(table)
    return [f"revoke update, delete on {table} from cox_app, cox_worker"]


def run(execute: Callable[[str], object], *statements: Iterable[str]) -> None:
    """In a migration: `run(op.execute, tenant_policy("leads"), search_policy("leads"))`."""
    for group in statements:
        for statement in group:
            execute(statement)
