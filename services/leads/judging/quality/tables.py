"""Whose leads there are, and the newest of each; over tables of other rooms, for reading only."""

from __future__ import annotations

# So many of the newest leads of each are looked at, closed ones among them: what one page costs is known
# beforehand, however many leads there are.
NEWEST = 500

# ruff: noqa: S608 - own words
_LEADS = f"""
cross join lateral (
  select * from (
    select id, name, phone, email, company, credit_code, source, channel, campaign, region, product,
      value_tenant_minor as value, duplicate_of, status
    from leads where tenant_id = $1 and {{column}} = g.key order by id desc limit {NEWEST}) newest
  where status = 'open') l
"""
_ASKED = "select g.key, l.* from unnest($2::uuid[]) as g(key)"
OF_OWNERS = _ASKED + _LEADS.format(column="owner_id")
OF_TEAMS = _ASKED + _LEADS.format(column="team_id")

_SEEN = """(cox_visibility() = 'tenant' or {own} or (cox_visibility() = 'team' and {unit} = cox_unit())
  or (cox_visibility() = 'subtree' and {unit} in (
    select c.descendant_id from org_closure c
    where c.tenant_id = cox_tenant() and c.ancestor_id = cox_unit())))"""
OWNERS = f"""
select u.id, u.display_name as label from org_users u
join rep_loads r on r.tenant_id = u.tenant_id and r.user_id = u.id and r.open_leads > 0
where u.tenant_id = $1 and ($2::uuid is null or u.id > $2)
  and {_SEEN.format(own="u.id = cox_user()", unit="u.unit_id")}
order by u.id limit $3
"""
TEAMS = f"""
select n.id, n.name as label from org_units n
where n.tenant_id = $1 and n.active and ($2::uuid is null or n.id > $2)
  and {_SEEN.format(own="false", unit="n.id")}
  and exists (select from leads l where l.tenant_id = n.tenant_id and l.team_id = n.id)
order by n.id limit $3
"""
