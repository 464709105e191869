"""Finding ids of leads: functions in the database that run as the search role.

Under row-level security an operator that is not leakproof (`@>`, `like`) may use no index, so the search runs
beside it, inside a `security definer` function that holds tenant and visibility predicate itself, and answers
with ids only.
"""

from __future__ import annotations

from shared.database.rls import search_function, visible

FILTERS = ("owner_id", "pipeline_id", "stage", "status", "source", "channel", "region", "product")

_VISIBLE = visible("owner_id", "team_id", "created_by")
_EQUAL = "\n".join(
    f"""  if filters ? '{name}' then
    holds := holds || format(' and {name} = %L', filters ->> '{name}');
  end if;"""
    for name in FILTERS
)

# The predicate as it is, with the caller's variables put in as literals: the planner sees which of its parts
# count, and the whole text is of literals that the server quotes, so that each search gets a plan of its own.
_VARIABLES = {"cox_visibility()": "", "cox_user()": "::uuid", "cox_unit()": "::uuid"}
_PUT_IN = "\n".join(
    f"  mine := replace(mine, '{call}', quote_nullable({call}) || '{kind}');"
    for call, kind in _VARIABLES.items()
)

# So many rows in the order asked for are looked through before any index of terms is.
NEAR = 5000

# Two ways to a page: what is common is found among the first rows in the order asked for, what is rare by its
# terms and values. Which of the two it is the planner cannot know: the pairs of one word go together, and so
# do somebody's own leads and what they may see, but it takes each for chance.
_IN_POOL = """
  if filters ? 'pool' then
    near := near || format(' and pool_id = %L and pooled_at is not null', filters ->> 'pool');
    holds := holds || format(' and pool_id = %L and pooled_at is not null', filters ->> 'pool');
  end if;"""


# Who sees leads only because they lie there finds them by what is shown of them: the last lines of a lead's
# text are its contact data. Each word must occur in the others, which come as one line, as words do.
_BY_WHAT_IS_SHOWN = """
  if filters ? 'shown' then
    holds := holds || format(
      ' and '' '' || array_to_string(trim_array(string_to_array(search_text, E''\\n''),
          least((email is not null)::int + (phone is not null)::int,
                cardinality(string_to_array(search_text, E''\\n'')))), '' '')
        like all (array(select jsonb_array_elements_text(%L::jsonb)))', filters -> 'shown');
  end if;"""


_BY_LISTS = """\
  if cardinality(terms) > 0 then
    holds := holds || format(' and terms @> %L::bigint[]', terms);
  end if;
  if cardinality(patterns) > 0 then
    holds := holds || format(' and search_text like all (%L::text[])', patterns);
  end if;
  if cardinality(tags) > 0 then
    holds := holds || format(' and tags @> %L::text[]', tags);
  end if;"""
_IN_ORDER = """\
  if sort = 'updated_at' then
    ordering := format('updated_at %s, id %s', direction, direction);
  elsif filters ? 'owner_id' then
    near := near || format(' and owner_id = %L', filters ->> 'owner_id');
  elsif filters ? 'stage' then
    near := near || format(' and stage = %L', filters ->> 'stage');
  end if;
  if after_id is not null then
    beyond := case when descending then '<' else '>' end;
    beyond := case when sort = 'updated_at'
      then format(' and (updated_at, id) %s (%L::timestamptz, %L::uuid)', beyond, after_value, after_id)
      else format(' and id %s %L::uuid', beyond, after_id) end;
  end if;"""


def _find(in_pool: str) -> str:
    return f"""
create function find_leads(filters jsonb, terms bigint[], patterns text[], tags text[], sort text,
                           descending boolean, after_value timestamptz, after_id uuid, most integer)
returns setof uuid language plpgsql stable as $body$
declare
  mine text := $mine${_VISIBLE}$mine$;
  near text := format('tenant_id = %L', cox_tenant());
  holds text := '';
  beyond text := '';
  direction text := case when descending then 'desc' else 'asc' end;
  ordering text := 'id ' || direction;
  found uuid[];
begin
  if cox_tenant() is null or cox_visibility() is null then
    return;
  end if;
{_PUT_IN}
{_EQUAL}
  if filters ? 'unowned' then
    holds := holds || ' and owner_id is null';
  end if;{in_pool}
{_BY_LISTS}
{_IN_ORDER}
  execute format(
    'select array(select id from (select * from leads where %s%s order by %s limit {NEAR}) as leads
     where %s%s order by %s limit %s)',
    near, beyond, ordering, mine, holds, ordering, most) into found;
  if cardinality(found) = most then
    return query select unnest(found);
    return;
  end if;
  return query execute format('select id from leads where tenant_id = %L and %s%s%s order by %s limit %s',
                              cox_tenant(), mine, holds, beyond, ordering, most);
end $body$
"""  # noqa: S608 - names are ours, values are quoted by `format`


_FIND_SIGNATURE = "find_leads(jsonb, bigint[], text[], text[], text, boolean, timestamptz, uuid, integer)"

# Who else has a key that a lead gives up: the oldest one, whoever may see it.
_SUCCESSOR = """
create function next_lead_with(kind text, key text, term bigint, except_id uuid) returns uuid
language plpgsql stable as $body$
declare
  found_id uuid;
begin
  execute format(
    'select id from leads where tenant_id = %L and terms @> array[%s]::bigint[] and %s = %L and id <> %L
     order by id limit 1',
    cox_tenant(), term,
    case kind when 'email' then 'email'
              else 'phone || coalesce('';ext='' || phone_extension, '''')' end,
    key, except_id) into found_id;
  return found_id;
end $body$
"""
_SUCCESSOR_SIGNATURE = "next_lead_with(text, text, bigint, uuid)"
# The same, of every kind of key; a phone may be any of a lead's lines.
_SUCCESSOR_OF_ANY = """
create function next_lead_with(kind text, key text, term bigint, except_id uuid) returns uuid
language plpgsql stable as $body$
declare
  lines text := 'other_phones || (phone || coalesce('';ext='' || phone_extension, ''''))';
  has text := case kind when 'phone' then format('%L = any(%s)', key, lines)
                        else format('%I = %L', kind, key) end;
  found_id uuid;
begin
  execute format(
    'select id from leads where tenant_id = %L and terms @> array[%s]::bigint[] and %s and id <> %L
     order by id limit 1', cox_tenant(), term, has, except_id) into found_id;
  return found_id;
end $body$
"""

# All that have one of the terms, and only then their order: by the key alone every lead of the tenant would
# be looked at.
_WITH_TERMS = """
create function leads_with_terms(wanted bigint[], after_id uuid, most integer) returns setof uuid
language sql stable as $body$
  with theirs as materialized (
    select id from leads where tenant_id = cox_tenant() and terms && wanted)
  select id from theirs where after_id is null or id > after_id order by id limit most
$body$
"""
_WITH_TERMS_SIGNATURE = "leads_with_terms(bigint[], uuid, integer)"

V1: tuple[str, ...] = (
    _find(""),
    *search_function(_FIND_SIGNATURE),
    _SUCCESSOR,
    *search_function(_SUCCESSOR_SIGNATURE),
)
"""What the first migration executes."""
V2: tuple[str, ...] = (
    f"drop function {_FIND_SIGNATURE}",
    _find(_IN_POOL),
    *search_function(_FIND_SIGNATURE),
)
"""What makes the search know pools."""
V3: tuple[str, ...] = (
    f"drop function {_FIND_SIGNATURE}",
    _find(_IN_POOL + _BY_WHAT_IS_SHOWN),
    *search_function(_FIND_SIGNATURE),
)
"""What makes it pass over what pools hide."""
IDENTITIES: tuple[str, ...] = (
    f"drop function {_SUCCESSOR_SIGNATURE}",
    _SUCCESSOR_OF_ANY,
    *search_function(_SUCCESSOR_SIGNATURE),
)
"""What makes it know every kind of key."""

EXACT: tuple[str, ...] = (_WITH_TERMS, *search_function(_WITH_TERMS_SIGNATURE))
"""What finds leads by whole values."""
WITH_TERMS = "select leads_with_terms($1, $2, $3) as id"
SUCCESSOR = "select next_lead_with($1, $2, $3, $4)"
