"""The function in the database that finds leads by any fields, in several orders.

Beside the predicate of visibility it holds what it may be asked for: names come from lists, values are quoted
by `format`. It is planned anew for each question, and never reads `leads` from end to end: there is always an
index that begins with the tenant.
"""

from __future__ import annotations

import orjson

from services.leads.finding.search.conditions import BY_COLUMNS, BY_OTHERS, BY_WORDS, names
from shared.database.rls import search_function, search_policy, visible

SORTS = {
    "created_at": None,
    "updated_at": "updated_at",
    "stage_entered_at": "stage_entered_at",
    "value": "value_tenant_minor",
    "score": "score",
}
"""What leads are sorted by, and by which column: ids ascend with the moment of creation."""
SOMETIMES_EMPTY = frozenset({"value", "score"})
"""Leads without such a value come last, whichever way the others are sorted."""

FIRST = 1000
"""So many rows in the order asked for are looked through before it is decided how to go on."""
CHEAP = 5000.0
"""What it may cost, in the planner's units, to look further without thinking of anything else."""
MOST_KNOWN = 5000
"""So many leads that the index of terms knows are looked at."""
MOST_UNITS = 16
"""Leads of so many units are looked through side by side."""

_VISIBLE = visible("owner_id", "team_id", "created_by")
# The predicate as it is, with the caller's variables put in as literals: the planner sees which of its parts
# count, and the whole text is of literals that the server quotes, so that each search gets a plan of its own.
_VARIABLES = {"cox_visibility()": "", "cox_user()": "::uuid", "cox_unit()": "::uuid"}
_PUT_IN = "\n".join(
    f"  mine := replace(mine, '{call}', quote_nullable({call}) || '{kind}');"
    for call, kind in _VARIABLES.items()
)
_SORTED = orjson.dumps({name: column for name, column in SORTS.items() if column}).decode()

# What it would cost, in the planner's units. Only a volatile function may run `explain`.
_COST = """
create or replace function cost_of(query text) returns double precision language plpgsql volatile as $body$
declare
  plan json;
begin
  execute 'explain (format json) ' || query into plan;
  return (plan -> 0 -> 'Plan' ->> 'Total Cost')::double precision;
end $body$
"""

# ruff: noqa: S608 - names are ours, values are quoted by `format`
# Which rows are looked through in the order asked for: by what the index that has them in that order can
# begin with. Somebody's own leads, and those of units, are found so in several parts of indexes, which are
# read side by side; no lead is in two of them.
_BRANCHES = f"""
    branches := array[''];
    if not by_id then
      null;
    elsif along ? 'pool' or along ? 'owner_id' then
      branches := array[coalesce(along ->> 'pool', along ->> 'owner_id')];
    elsif cox_visibility() = 'tenant' or cox_user() is null then
      branches := array[coalesce(along ->> 'stage', '')];
    else
      units := case cox_visibility() when 'team' then array[cox_unit()] when 'subtree' then array(
          select c.descendant_id from org_closure c
          where c.tenant_id = cox_tenant() and c.ancestor_id = cox_unit()) end;
      if coalesce(cardinality(units), 0) <= {MOST_UNITS} then
        branches := array[format(' and owner_id = %L', cox_user()),
                          format(' and owner_id is null and created_by = %L', cox_user())]
          || array(select format(' and team_id = %L and owner_id is distinct from %2$L'
                                 ' and (owner_id is not null or created_by is distinct from %2$L)',
                                 unit, cox_user())
                   from unnest(units) as unit where unit is not null);
      end if;
    end if;"""

# A page is found among the first rows in the order asked for, or among what indexes know, which is sorted
# afterwards. Which of the two is cheaper the planner cannot know: the pairs of one word go together, and so
# do somebody's own leads and what they may see, but it takes each for chance. So the first rows are looked
# through: how many of them fit tells how far one would have to look for a page.
_LOOK = """
      source := (select string_agg(format('(select * from leads where %s%s%s order by %s limit %s)',
                                          within, branch, start, ordering, looked), ' union all ')
                 from unnest(branches) as branch);
      source := format('(select * from (%s) as leads order by %s limit %s)', source, ordering, looked);
      execute format('select array(select id from %s as leads where %s%s%s order by %s limit %s)',
                     source, mine, holds, known, ordering, wants) into further;
      exit when cardinality(further) = wants;
      execute format('select count(*) from %s as leads', source) into counted;
      exit when counted < looked;
      far := looked * wants / greatest(cardinality(further), 1);
      ahead := cost_of(source) * far / looked;"""

# What the index of terms knows is looked at only up to a limit: its statistics name only what is common.
_BY_TERMS = f"""
        query := format('select id%s, true%s as fits %s%s%s limit {MOST_KNOWN} + 1', keys, holds, seen, known,
                        (select string_agg(each.value, '') from jsonb_each_text(along) as each));
        if not too_many and cost_of(query) < ahead then
          execute format('with known as materialized (%s) select count(*), array(
                            select id from known where fits order by %s limit %s) from known',
                         query, ordering, wants) into counted, further;
          exit when counted <= {MOST_KNOWN};
          too_many := true;
        end if;"""

# Of columns the statistics are good. Where nothing fits yet, one may have to look through all there is.
_BY_COLUMNS_ALONE = """
        if cardinality(further) = 0 then
          ahead := cost_of('select * ' || seen) / 2;
        end if;
        if cost_of(format('select * %s%s', seen, holds)) < ahead then
          execute format('with fits as materialized (select id%s %s%s)
                          select array(select id from fits order by %s limit %s)',
                         keys, seen, holds, ordering, wants) into further;
          exit;
        end if;"""

_PAGE = f"""
    looked := greatest({FIRST}, 4 * wants);
    too_many := false;
    for attempt in 1 .. 2 loop{_LOOK}
      seen := format('from leads where %s and %s%s', within, mine, start);
      if ahead > {CHEAP} or cardinality(further) = 0 then
        if known <> '' then{_BY_TERMS}
        else{_BY_COLUMNS_ALONE}
        end if;
      end if;
      if attempt = 2 or cardinality(further) = 0 then
        execute format('select array(select id %s%s%s order by %s limit %s)',
                       seen, holds, known, ordering, wants) into further;
        exit;
      end if;
      looked := 4 * far;
    end loop;"""

_FIND = f"""
create or replace function find_leads(questions jsonb, sort text, descending boolean, after_value text,
                                      after_id uuid, most integer)
returns setof uuid language plpgsql stable as $body$
declare
  mine text := $mine${_VISIBLE}$mine$;
  within text;
  along jsonb := '{{}}';
  holds text := '';
  known text := '';
  asked jsonb;
  name text;
  wanted jsonb;
  several text[];
  test text;
  units uuid[];
  branches text[];
  direction text := case when descending then 'desc' else 'asc' end;
  beyond text := case when descending then '<' else '>' end;
  sorted text := '{_SORTED}'::jsonb ->> sort;
  nullable boolean := sort = any ('{names(tuple(sorted(SOMETIMES_EMPTY)))}');
  by_id boolean;
  keys text;
  ordering text;
  start text;
  wants integer;
  looked bigint;
  far bigint;
  counted bigint;
  too_many boolean;
  ahead double precision;
  source text;
  seen text;
  query text;
  found uuid[] := '{{}}';
  further uuid[];
begin
  if cox_tenant() is null or cox_visibility() is null then
    return;
  end if;
  if sorted is null and sort <> 'created_at' then
    raise exception 'leads are not sorted by %', sort;
  end if;
{_PUT_IN}
  for asked in select value from jsonb_array_elements(questions) loop{BY_COLUMNS}{BY_OTHERS}{BY_WORDS}
  end loop;{_BRANCHES}
  for part in 1 .. case when nullable then 2 else 1 end loop
    continue when part = 1 and nullable and after_id is not null and after_value is null;
    by_id := sorted is null or part = 2;
    within := format('tenant_id = %L and merged_into is null', cox_tenant());
    if nullable and part = 1 then
      within := within || format(' and %I is not null', sorted);
    elsif nullable then
      holds := holds || format(' and %I is null', sorted);
    end if;
    if by_id then
      keys := '';
      ordering := format('id %s', direction);
      start := case when after_id is null or (part = 2 and after_value is not null) then ''
                    else format(' and id %s %L::uuid', beyond, after_id) end;
    else
      keys := format(', %I', sorted);
      ordering := format('%I %s, id %s', sorted, direction, direction);
      start := case when after_id is null then ''
                    else format(' and (%I, id) %s (%L, %L::uuid)', sorted, beyond, after_value, after_id) end;
    end if;
    wants := most - cardinality(found);{_BRANCHES}{_PAGE}
    found := found || further;
    exit when cardinality(found) >= most;
  end loop;
  return query select unnest(found);
end $body$
"""
_BEFORE = "find_leads(jsonb, bigint[], text[], text[], text, boolean, timestamptz, uuid, integer)"
_SIGNATURE = "find_leads(jsonb, text, boolean, text, uuid, integer)"
_COST_SIGNATURE = "cost_of(text)"

AGAIN: tuple[str, ...] = (
    _FIND,
    *search_function(_SIGNATURE),
    # A question that no index serves goes through the tenant's rows in the order asked for.
    f"alter function {_SIGNATURE} set enable_seqscan = off",
    _COST,
    f"alter function {_COST_SIGNATURE} owner to cox_search",
    f"revoke execute on function {_COST_SIGNATURE} from public",
)
"""What makes the search know every field and several orders; run again, it makes it as it is now."""
V4: tuple[str, ...] = (
    f"drop function {_BEFORE}",
    *AGAIN,
    *search_policy("lead_activities"),
    *search_policy("merges"),
)
"""What does so first, and makes it know that merged leads are no leads."""

FIND = "select find_leads($1::jsonb, $2, $3, $4, $5, $6) as id"
