"""F10: list pages among a million leads, and the same ones among fewer."""

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
    """A page as a user asks for it, and as plain SQL would: a condition on leads of the tenant ($1), in an
    order.
    """

    query: dict[str, str | int | list[str]]
    condition: str
    values: tuple[Any, ...] = ()
    mine: bool = False
    order: str = "id desc"

    @property
    def name(self) -> str:
        """As the lines of results call it."""
        return (urlencode(self.query, doseq=True) or "all") + (", one's own" if self.mine else "")


ASKS = (
    Ask({}, "true"),
    Ask({"stage": "negotiation"}, "stage = $3", ("negotiation",)),
    Ask({"stage": "contract", "source": "source-7"}, "stage = $3 and source = $4", ("contract", "source-7")),
    Ask({"region": "north", "product": "product-3", "channel": "phone"},
        "region = $3 and product = $4 and channel = $5", ("north", "product-3", "phone")),
    Ask({"sort": "-updated_at", "status": "open"}, "status = $3", ("open",),
        order="updated_at desc, id desc"),
    Ask({"stage": ["negotiation", "contract"], "label": "key"}, "stage = any($3) and label = 'key'",
        (["negotiation", "contract"],)),
    Ask({"sort": "-value", "region": "north"}, "region = $3 and value_tenant_minor is not null", ("north",),
        order="value_tenant_minor desc, id desc"),
    Ask({"sort": "-score", "has_email": "true"}, "email is not null and score is not null",
        order="score desc, id desc"),
    Ask({"sort": "stage_entered_at", "stage": "negotiation"}, "stage = $3", ("negotiation",),
        order="stage_entered_at, id"),
    Ask({"value_from": "49999.00"}, "value_tenant_minor >= 4999900"),
    Ask({"untouched_days": 30, "channel": "web"},
        "channel = $3 and started_at < now() - interval '30 days' and not exists ("
        "select from lead_activities a where a.tenant_id = leads.tenant_id and a.lead_id = leads.id)",
        ("web",)),
    Ask({"custom": "industry=glass", "stage": "contract"}, "custom->>'industry' = 'glass' and stage = $3",
        ("contract",)),
    Ask({"custom": "employees>=1000000"}, "(custom->>'employees')::int >= 1000000"),
    Ask({"custom": ["founded>=1999-03-01", "founded<=1999-03-03"]},
        "custom->>'founded' between '1999-03-01' and '1999-03-03'"),
    Ask({"custom": "site~ghthou"}, "custom->>'site' like '%ghthou%'"),
    Ask({"custom": "site~华东", "sort": "-value"}, "custom->>'site' like '%华东%'",
        order="value_tenant_minor desc, id desc"),
    Ask({"sort": "-value"}, "value_tenant_minor is not null", mine=True,
        order="value_tenant_minor desc, id desc"),
    Ask({"custom": "industry=food", "label": "general"}, "custom->>'industry' = 'food' and label = 'general'",
        mine=True),
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
    """Every page many times, one client; then the same pages as bare SQL on a connection of its own. The same
    among the fewest leads of the scale, where it has several.
    """
    power, least = bench.pick(max(bench.scale), 2), bench.pick(min(bench.scale), 2)
    scaled = await bench.scaled(power, numbers=False)
    few = await bench.scaled(least, numbers=False) if least < power else None
    site, times = scaled.site, bench.pick(20, 1)
    ours, limit = list[float](), list[float]()
    many_took, few_took, costs = _Took(), _Took(), list[dict[str, float]]()
    meter = site.meter()
    for number in range(bench.rounds):
        # Tokens live for minutes, and loading takes longer.
        for each in (scaled, few):
            if each is not None:
                await each.crew.sign_in()
        bare = [one for each in ASKS for one in await _bare(scaled, each, times)]
        meter.begin()
        mine = await many_took.round(scaled, times)
        costs.append(meter.per_1000(times * len(ASKS)))
        if few is not None:
            await few_took.round(few, times)
        ours.append(percentile(mine, 0.95))
        limit.append(percentile(bare, 0.95))
        bench.say(f"round {number + 1}: p95 {ours[-1]:.1f} ms against {limit[-1]:.1f} ms")
    result = Result(
        NAME, WHAT, "ms (p95)", ours, "the same pages by SQL, no row-level security", limit,
        cpu_s_per_1000=middle(costs), memory_mib=site.memory(),
    )  # fmt: skip
    result.asked = [Asked("ms at p95 over all pages", median(ours), 50.0, 15.0, most=True)]
    result.figures = {
        "leads": 10**power,
        "p50_ms": many_took.all(0.5),
        "p95_ms_by_page": many_took.pages(0.95),
    }
    if few is not None:
        over = many_took.all(0.5) / few_took.all(0.5)
        result.asked.append(Asked(f"p50 over that among 10^{least}", over, 1.5, 1.1, most=True))
        result.figures |= {
            "fewer_leads": 10**least, "fewer_p50_ms": few_took.all(0.5), "fewer_p95_ms": few_took.all(0.95),
            "p50_ms_by_page": many_took.pages(0.5), "fewer_p50_ms_by_page": few_took.pages(0.5),
        }  # fmt: skip
    return result


class _Took:
    """Ms of each page, by page."""

    def __init__(self) -> None:
        self._by_page = {each.name: list[float]() for each in ASKS}

    async def round(self, scaled: Scaled, times: int) -> list[float]:
        """Ask for every page so many times; what that took."""
        found = []
        for each in ASKS:
            asked = await _asked(scaled, each, times)
            self._by_page[each.name] += asked
            found += asked
        return found

    def all(self, share: float) -> float:
        return percentile([one for took in self._by_page.values() for one in took], share)

    def pages(self, share: float) -> dict[str, float]:
        return {name: round(percentile(took, share), 2) for name, took in self._by_page.items()}


async def _asked(scaled: Scaled, ask: Ask, times: int) -> list[float]:
    """Ms of each answer, one at a time."""
    tokens = scaled.crew.tokens if ask.mine else [await scaled.director()]
    path = "/v1/leads?" + urlencode({**ask.query, "limit": PAGE}, doseq=True)
    requests = [request("GET", path, token=token) for token in tokens]
    return list((await scaled.site.load(Job(scaled.site.port, [requests], count=times))).all_good().took_ms)


async def _bare(scaled: Scaled, ask: Ask, times: int) -> list[float]:
    whose = "owner_id = $2" if ask.mine else "$2::uuid is not null"
    sql = f"""select * from leads where tenant_id = $1 and {whose} and {ask.condition}
        order by {ask.order} limit {PAGE + 1}"""  # noqa: S608 - conditions of this module
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
