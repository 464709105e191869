"""How the function that finds leads reads a question: as conditions of SQL, of names that stand here and of
values that `format` quotes.

What it writes to: `holds`, which a lead is quickly held against; `known`, by which the index of terms knows
leads, and which is dear to hold one against; `along`, by name those conditions that an index begins with.
"""

from __future__ import annotations

from services.leads.deduplication.parts.whole import whole

EQUAL = (
    "owner_id", "created_by", "pipeline_id", "stage", "status", "source", "channel", "campaign", "region",
    "product", "label", "value_class", "intent", "do_not_contact",
)  # fmt: skip
"""Columns of which a value is asked for, or one of several."""
RANGED = (
    "created_at", "updated_at", "started_at", "closed_at", "stage_entered_at", "value_tenant_minor", "score",
)  # fmt: skip
"""Columns of which values are asked for between two: from the first on, before or up to the other."""
PRESENT = ("phone", "email", "duplicate_of")
"""Columns that are asked to have a value, or none."""


def names(several: tuple[str, ...]) -> str:
    """As an array in a text of SQL."""
    return "{" + ",".join(several) + "}"


# ruff: noqa: S608 - names are ours, values are quoted by `format`
BY_COLUMNS = f"""
    for name, wanted in select key, value from jsonb_each(asked -> 'equal') loop
      if name <> all ('{names(EQUAL)}') then
        raise exception 'leads are not found by %', name;
      end if;
      several := array(select jsonb_array_elements_text(wanted));
      test := case when cardinality(several) = 1 then format('%I = %L', name, several[1])
                   else format('%I = any (%L)', name, several) end;
      if name = 'owner_id' and asked ? 'unowned' then
        test := format('(owner_id is null or %s)', test);
      elsif cardinality(several) = 1 and name in ('owner_id', 'stage') then
        along := along || jsonb_build_object(name, ' and ' || test);
      end if;
      holds := holds || format(' and %s', test);
    end loop;
    if asked ? 'unowned' and not (asked -> 'equal') ? 'owner_id' then
      holds := holds || ' and owner_id is null';
    end if;
    for name, wanted in select key, value from jsonb_each(asked -> 'ranges') loop
      if name <> all ('{names(RANGED)}') then
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
      if name <> all ('{names(PRESENT)}') then
        raise exception 'leads are not found by whether they have %', name;
      end if;
      holds := holds || format(case when wanted::boolean then ' and %I is not null'
                                    else ' and %I is null' end, name);
    end loop;"""

_WHOLE = whole("leads.tenant_id", "leads.id")
BY_OTHERS = f"""
    if asked ? 'units' then
      holds := holds || format(
        ' and team_id in (select c.descendant_id from org_closure c
          where c.tenant_id = %L and c.ancestor_id = any (%L))',
        cox_tenant(), array(select jsonb_array_elements_text(asked -> 'units')));
    end if;
    if asked ? 'pool' then
      test := format(' and pool_id = %L and pooled_at is not null', asked ->> 'pool');
      along := along || jsonb_build_object('pool', test);
      holds := holds || test;
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
BY_WORDS = """
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
    end if;
    if jsonb_array_length(asked -> 'terms') > 0 then
      known := known || format(' and terms @> %L::bigint[]',
                               array(select jsonb_array_elements_text(asked -> 'terms')));
    end if;
    for wanted in select value from jsonb_array_elements(asked -> 'any_terms') loop
      known := known || format(' and terms && %L::bigint[]',
                               array(select jsonb_array_elements_text(wanted)));
    end loop;"""
