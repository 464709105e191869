"""F6: what the gateway itself adds to a read."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from uuid import UUID

from services.gateway.proxy.rules import Service
from shared.access.keys import load_or_make
from shared.access.principal import Principal
from shared.access.roles import scopes_of, visibility_of
from shared.access.tokens import sign_principal
from tests.bench.load import Job, Seen, request
from tests.bench.mark import Bench
from tests.bench.measure import middle
from tests.bench.result import Asked, Result
from tests.bench.site import Crew, Site, settled

NAME = "F6"
WHAT = "the gateway's own cost on GET /v1/leads/{id}, all checks on, against asking the service directly"

REPS = 32
CLIENTS = 32
_ROLES = ("rep",)


async def run(bench: Bench) -> Result:
    """Each round: one client each way for what is added, then many for the gateway's CPU."""
    site = await bench.site()
    crew = await site.crew(NAME, bench.pick(REPS, 4))
    paths = [f"/v1/leads/{(await person.create_lead())['id']}" for person in crew.people]
    await settled(site)
    alone, through, direct, costs = bench.pick(2.0, 0.2), [], [], []
    # So many that the system's clock of processes, which ticks a hundred times a second, sees them.
    many = bench.pick(0, 20 * CLIENTS)
    crowd: tuple[list[Seen], list[Seen]] = ([], [])
    meter = site.meter()
    for number in range(bench.rounds):
        own = await _directly(site, crew)
        straight, door = _reads(paths, own), _reads(paths, crew.tokens)
        port = _port(site, "leads")
        direct.append((await site.load(Job(port, [straight], alone))).all_good())
        through.append((await site.load(Job(site.port, [door], alone))).all_good())
        crowd[1].append((await site.load(Job(port, _spread(straight), alone, many))).all_good())
        meter.begin()
        crowd[0].append((await site.load(Job(site.port, _spread(door), alone, many))).all_good())
        costs.append(meter.per_1000(crowd[0][-1].sent))
        bench.say(f"round {number + 1}: {through[-1].ms(0.5):.2f} ms against {direct[-1].ms(0.5):.2f} ms")
    cost = middle(costs)
    result = Result(
        NAME, WHAT, "ms (p50, one client)", [seen.ms(0.5) for seen in through],
        "the same read of the service itself", [seen.ms(0.5) for seen in direct],
        cpu_s_per_1000=cost, memory_mib=site.memory(),
    )  # fmt: skip
    added = median(ours.ms(0.5) - its.ms(0.5) for ours, its in zip(through, direct, strict=True))
    result.asked = [
        Asked("ms added at p50", added, 0.3, 0.15, most=True),
        Asked("us of the gateway's CPU per request", cost["gateway-app-1"] * 1000, 200, 100, most=True),
    ]
    result.figures = {
        "p99_ms": median(seen.ms(0.99) for seen in through),
        "limit_p99_ms": median(seen.ms(0.99) for seen in direct),
    } | _crowded(*crowd)
    return result


def _reads(paths: Sequence[str], tokens: Sequence[str]) -> list[bytes]:
    """Everybody's own lead, in turn: no single principal is asked for more than its limit."""
    return [request("GET", path, token=token) for path, token in zip(paths, tokens, strict=True)]


def _spread(requests: Sequence[bytes]) -> list[list[bytes]]:
    return [[requests[number % len(requests)]] for number in range(CLIENTS)]


def _crowded(through: Sequence[Seen], direct: Sequence[Seen]) -> dict[str, object]:
    rates = middle([{"ours": a.rate, "limit": b.rate} for a, b in zip(through, direct, strict=True)])
    return {f"rate_with_{CLIENTS}_clients": round(rates["ours"]), "limit_rate": round(rates["limit"])}


def _port(site: Site, service: str) -> int:
    return int(site.stack.copy.state().service_urls[service].rsplit(":", 1)[1])


async def _directly(site: Site, crew: Crew) -> list[str]:
    """What the gateway would tell the service about each of the crew, good for a minute from now."""
    path = site.settings.signing_key_file
    assert path is not None
    key, tenant = load_or_make(path), crew.tenant
    async with site.stack.database("leads") as connection:
        version = await connection.fetchval("select seq from org_versions where tenant_id = $1", tenant.id)
        users = await connection.fetch("select id, unit_id from org_users where tenant_id = $1", tenant.id)
    units = {row["id"]: row["unit_id"] for row in users}
    audience: Service = "leads"
    return [
        sign_principal(key, _principal(tenant.id, user, units[user], version), audience)
        for user in map(UUID, crew.tenant.people.values())
    ]


def _principal(tenant_id: UUID, user_id: UUID, unit_id: UUID, version: int) -> Principal:
    return Principal(
        tenant_id=tenant_id,
        id=user_id,
        kind="user",
        user_id=user_id,
        roles=frozenset(_ROLES),
        scopes=scopes_of(_ROLES),
        visibility=visibility_of(_ROLES),
        unit_id=unit_id,
        org_version=version,
        is_rep=True,
    )
