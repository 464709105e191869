"""The function in the database that finds leads by any fields, in several orders.

Beside the predicate of visibility it holds what it may be asked for: names come from the lists here, values
are quoted by `format`. It is planned anew for each question, and never reads `leads` from end to end: there
is always an index that begins with the tenant.
"""

from __future__ import annotations

import orjson

from services.leads.parts.whole import whole
from shared.database.rls import search_function, search_policy, visible

EQUAL = (
    "owner_id", "created_by", "pipeline_id", "stage", "status", "source", "channel", "region", "product",
    "label", "value_class", "intent", "do_not_contact",
)  # fmt: skip
"""Columns of which a value is asked for, or one of several."""
RANGED = (
    "created_at", "updated_at", "started_at", "closed_at", "stage_entered_at", "value_tenant_minor", "score",
)  # fmt: skip
"""Columns of which values are asked for between two: from the first on, before or up to the other."""
PRESENT = ("phone", "email", "duplicate_of")
"""Columns that are asked to have a value, or none."""
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

NEAR = 5000
"""So many rows in the order asked for are looked through before any index of terms is."""

_VISIBLE = visible("owner_id", "team_id", "created_by")
# The predicate as it is, with the caller's variables put in as literals: the planner sees which of its parts
# count, and the whole text is of literals that the server quotes, so that each search gets a plan of its own.
_VARIABLES = {"cox_visibility()": "", "cox_user()": "::uuid", "cox_unit()": "::uuid"}
_PUT_IN = "\n".join(
    f"  mine := replace(mine, '{call}', quote_nullable({call}) || '{kind}');"
    for call, kind in _VARIABLES.items()
)


_SORTED = orjson.dumps({name: column for name, column in SORTS.items() if column}).decode()


def _names(names: tuple[str, ...]) -> str:
    return "{" + ",".join(names) + "}"


# ruff: noqa: S608 - names are ours, values are quoted by `format`
_BY_COLUMNS = f"""
    for name, wanted in select key, value from jsonb_each(asked -> 'equal') loop
      if name <> all ('{_names(EQUAL)}') then
        raise exception 'leads are not found by %', name;
      end if;
      several := array(select jsonb_array_elements_text(wanted));
      test := case when cardinality(several) = 1 then format('%I = %L', name, several[1])
                   else format('%I = any (%L)', name, several) end;
      if name = 'owner_id' and asked ? 'unowned' then
        test := format('(owner_id is null or %s)', test);
      elsif cardinality(several) = 1 and name in ('owner_id', 'stage') and sort = 'created_at' then
        near := near || format(' and %s', test);
      end if;
      holds := holds || format(' and %s', test);
    end loop;
    if asked ? 'unowned' and not (asked -> 'equal') ? 'owner_id' then
      holds := holds || ' and owner_id is null';
    end if;
    for name, wanted in select key, value from jsonb_each(asked -> 'ranges') loop
      if name <> all ('{_names(RANGED)}') then
        raise exception 'leads are not found by ranges of %', name;
      end if;
      if wanted ? 'from' then
        holds := holds || format(' and %I >= %L', name, wanted ->> 'from');
      end if;
      if wanted ? 'before' then
        holds := holds || format(' and %I < %L', name, wanted ->> 'before');
      end if;
      if wanted ? 'to' then
        holds := holds || format(' and %I <= %L', name, wanted ->> 'to');
      end if;
    end loop;
    for name, wanted in select key, value from jsonb_each(asked -> 'present') loop
      if name <> all ('{_names(PRESENT)}') then
        raise exception 'leads are not found by whether they have %', name;
      end if;
      holds := holds || format(case when wanted::boolean then ' and %I is not null'
                                    else ' and %I is null' end, name);
    end loop;"""

_WHOLE = whole("leads.tenant_id", "leads.id")
_BY_OTHERS = f"""
    if asked ? 'units' then
      holds := holds || format(
        ' and team_id in (select c.descendant_id from org_closure c
          where c.tenant_id = %L and c.ancestor_id = any (%L))',
        cox_tenant(), array(select jsonb_array_elements_text(asked -> 'units')));
    end if;
    if asked ? 'pool' then
      near := near || format(' and pool_id = %L and pooled_at is not null', asked ->> 'pool');
      holds := holds || format(' and pool_id = %L and pooled_at is not null', asked ->> 'pool');
    end if;
    if asked ? 'untouched' then
      holds := holds || format(
        ' and started_at < %1$L and not exists (
            select from {_WHOLE}
            join lead_activities a on a.tenant_id = leads.tenant_id and a.lead_id = w.id
            where a.effective and a.at >= %1$L)', asked ->> 'untouched');
    end if;"""

# Who sees leads without their contact data finds them by what is shown of them: the last lines of a lead's
# text are that data, and those that begin with a mark are custom fields. Each word must occur in the others,
# which come as one line, as words do.
_BY_WORDS = """
    if jsonb_array_length(asked -> 'terms') > 0 then
      holds := holds || format(' and terms @> %L::bigint[]',
                               array(select jsonb_array_elements_text(asked -> 'terms')));
    end if;
    for wanted in select value from jsonb_array_elements(asked -> 'any_terms') loop
      holds := holds || format(' and terms && %L::bigint[]',
                               array(select jsonb_array_elements_text(wanted)));
    end loop;
    for name in select value from jsonb_array_elements_text(asked -> 'patterns') loop
      holds := holds || format(' and search_text like %L', name);
    end loop;
    for name in select value from jsonb_array_elements_text(asked -> 'lines') loop
      holds := holds || format(' and search_text ~ %L', name);
    end loop;
    for name in select value from jsonb_array_elements_text(asked -> 'paths') loop
      holds := holds || format(' and custom @? %L', name);
    end loop;
    if jsonb_array_length(asked -> 'tags') > 0 then
      holds := holds || format(' and tags @> %L::text[]',
                               array(select jsonb_array_elements_text(asked -> 'tags')));
    end if;
    if asked ? 'shown' then
      holds := holds || format(
        ' and '' '' || (
            select string_agg(line, '' '' order by place) from (
              select line, row_number() over (order by place) as place, count(*) over () as lines
              from string_to_table(search_text, E''\\n'') with ordinality as t(line, place)
              where not starts_with(line, E''\\x02'')) l
            where place <= lines - (email is not null)::int - (phone is not null)::int)
          like all (array(select jsonb_array_elements_text(%L::jsonb)))', asked -> 'shown');
    end if;"""

# Two ways to a page: what is common is found among the first rows in the order asked for, what is rare by its
# terms and values. Which of the two it is the planner cannot know: the pairs of one word go together, and so
# do somebody's own leads and what they may see, but it takes each for chance.
_FIND = f"""
create function find_leads(questions jsonb, sort text, descending boolean, after_value text, after_id uuid,
                           most integer)
returns setof uuid language plpgsql stable as $body$
declare
  mine text := $mine${_VISIBLE}$mine$;
  within text := format('tenant_id = %L and merged_into is null', cox_tenant());
  near text := '';
  holds text := '';
  asked jsonb;
  name text;
  wanted jsonb;
  several text[];
  test text;
  direction text := case when descending then 'desc' else 'asc' end;
  beyond text := case when descending then '<' else '>' end;
  sorted text := '{_SORTED}'::jsonb ->> sort;
  nullable boolean := sort = any ('{_names(tuple(sorted(SOMETIMES_EMPTY)))}');
  which text;
  ordering text;
  start text;
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
  for asked in select value from jsonb_array_elements(questions) loop{_BY_COLUMNS}{_BY_OTHERS}{_BY_WORDS}
  end loop;
  for part in 1 .. case when nullable then 2 else 1 end loop
    continue when part = 1 and nullable and after_id is not null and after_value is null;
    which := case when not nullable then '' when part = 1 then format(' and %I is not null', sorted)
                 else format(' and %I is null', sorted) end;
    if sorted is null or part = 2 then
      ordering := format('id %s', direction);
      start := case when after_id is null or (part = 2 and after_value is not null) then ''
                    else format(' and id %s %L::uuid', beyond, after_id) end;
    else
      ordering := format('%I %s, id %s', sorted, direction, direction);
      start := case when after_id is null then ''
                    else format(' and (%I, id) %s (%L, %L::uuid)', sorted, beyond, after_value, after_id) end;
    end if;
    execute format(
      'select array(select id from (select * from leads where %s%s%s%s order by %s limit {NEAR}) as leads
       where %s%s%s order by %s limit %s)',
      within, case when part = 1 then which end, near, start, ordering, mine, holds, which, ordering,
      most - cardinality(found)) into further;
    if cardinality(further) < most - cardinality(found) then
      execute format('select array(select id from leads where %s%s and %s%s%s order by %s limit %s)',
                     within, which, mine, holds, start, ordering, most - cardinality(found)) into further;
    end if;
    found := found || further;
    exit when cardinality(found) >= most;
  end loop;
  return query select unnest(found);
end $body$
"""
_BEFORE = "find_leads(jsonb, bigint[], text[], text[], text, boolean, timestamptz, uuid, integer)"
_SIGNATURE = "find_leads(jsonb, text, boolean, text, uuid, integer)"

V4: tuple[str, ...] = (
    f"drop function {_BEFORE}",
    _FIND,
    *search_function(_SIGNATURE),
    # A question that no index serves goes through the tenant's rows in the order asked for.
    f"alter function {_SIGNATURE} set enable_seqscan = off",
    *search_policy("lead_activities"),
    *search_policy("merges"),
)
"""What makes the search know every field, several orders, and that merged leads are no leads."""

FIND = "select find_leads($1::jsonb, $2, $3, $4, $5, $6) as id"
