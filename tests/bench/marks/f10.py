"""F10: list pages among a million leads."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any
from urllib.parse import urlencode

from shared.ids import new_id
from tests.bench.load import Job, request
from tests.bench.mark import Bench
from tests.bench.measure import middle, percentile
from tests.bench.result import Asked, Result
from tests.bench.scaled import Scaled

NAME = "F10"
WHAT = "list pages with filter, search and visibility among many leads, against the bare query in SQL"

PAGE = 50


@dataclass(frozen=True, slots=True)
class Ask:
    """A page as a user asks for it, and as plain SQL would: a condition on leads of the tenant ($1)."""

    query: dict[str, str | int]
    condition: str
    values: tuple[Any, ...] = ()
    mine: bool = False


ASKS = (
    Ask({}, "true"),
    Ask({"stage": "negotiation"}, "stage = $3", ("negotiation",)),
    Ask({"stage": "contract", "source": "source-7"}, "stage = $3 and source = $4", ("contract", "source-7")),
    Ask({"region": "north", "product": "product-3", "channel": "phone"},
        "region = $3 and product = $4 and channel = $5", ("north", "product-3", "phone")),
    Ask({"sort": "-updated_at", "status": "open"}, "status = $3", ("open",)),
    Ask({"owner": "me"}, "true", mine=True),
    Ask({"owner": "me", "stage": "negotiation"}, "stage = $3", ("negotiation",), mine=True),
    Ask({"q": "华金"}, "search_text like $3", ("%华金%",)),
    Ask({"q": "公司"}, "search_text like $3", ("%公司%",)),
    Ask({"q": "Olivia Garcia"}, "search_text like $3 and search_text like $4", ("%olivia%", "%garcia%")),
    Ask({"q": "Novak", "stage": "contract"}, "search_text like $3 and stage = $4", ("%novak%", "contract")),
    Ask({"q": "Trading"}, "search_text like $3", ("%trading%",), mine=True),
    Ask({"tag": "hot", "region": "south"}, "tags @> array[$3] and region = $4", ("hot", "south")),
)  # fmt: skip


async def run(bench: Bench) -> Result:
    """Every page many times, one client; then the same pages as bare SQL on a connection of its own."""
    power = bench.pick(max(bench.scale), 2)
    scaled = await bench.scaled(power, numbers=False)
    site, times = scaled.site, bench.pick(20, 1)
    ours, limit, slowest = list[float](), list[float](), dict[str, float]()
    all_ours, costs = list[float](), list[dict[str, float]]()
    meter = site.meter()
    for number in range(bench.rounds):
        bare = [one for each in ASKS for one in await _bare(scaled, each, times)]
        meter.begin()
        took = dict[str, list[float]]()
        for each in ASKS:
            took[urlencode(each.query) or "all"] = await _asked(scaled, each, times)
        costs.append(meter.per_1000(times * len(ASKS)))
        mine = [one for each in took.values() for one in each]
        all_ours += mine
        ours.append(percentile(mine, 0.95))
        limit.append(percentile(bare, 0.95))
        slowest = {name: percentile(each, 0.95) for name, each in took.items()}
        bench.say(f"round {number + 1}: p95 {ours[-1]:.1f} ms against {limit[-1]:.1f} ms")
    result = Result(
        NAME, WHAT, "ms (p95)", ours, "the same pages by SQL, no row-level security", limit,
        cpu_s_per_1000=middle(costs), memory_mib=site.memory(),
    )  # fmt: skip
    result.asked = [Asked("ms at p95 over all pages", median(ours), 50.0, 15.0, most=True)]
    result.figures = {
        "leads": 10**power, "p50_ms": median(all_ours),
        "p95_ms_by_page": {name: round(each, 2) for name, each in slowest.items()},
    }  # fmt: skip
    return result


async def _asked(scaled: Scaled, ask: Ask, times: int) -> list[float]:
    """Ms of each answer, one at a time."""
    tokens = scaled.crew.tokens if ask.mine else [await scaled.director()]
    path = "/v1/leads?" + urlencode({**ask.query, "limit": PAGE})
    requests = [request("GET", path, token=token) for token in tokens]
    return list((await scaled.site.load(Job(scaled.site.port, [requests], count=times))).all_good().took_ms)


async def _bare(scaled: Scaled, ask: Ask, times: int) -> list[float]:
    order = "updated_at desc, id desc" if "sort" in ask.query else "id desc"
    whose = "owner_id = $2" if ask.mine else "$2::uuid is not null"
    sql = f"""select * from leads where tenant_id = $1 and {whose} and {ask.condition}
        order by {order} limit {PAGE + 1}"""  # noqa: S608 - conditions of this module
    reps = list(scaled.crew.tenant.people.values())
    took = []
    async with scaled.site.stack.database("leads") as connection:
        for number in range(times):
            who = reps[number % len(reps)] if ask.mine else str(new_id())
            began = time.perf_counter()
            await connection.fetch(sql, scaled.crew.tenant.id, who, *ask.values)
            took.append((time.perf_counter() - began) * 1000)
    return took


def pages(tokens: Sequence[str]) -> list[bytes]:
    """The first page of a stage and a source, as these people."""
    path = "/v1/leads?" + urlencode({"stage": "negotiation", "source": "source-3", "limit": PAGE})
    return [request("GET", path, token=token) for token in tokens]
