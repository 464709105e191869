"""F9: as fast when it is big."""

from __future__ import annotations

from tests.bench.mark import Bench
from tests.bench.measure import middle, percentile
from tests.bench.operations import Operations
from tests.bench.result import Asked, Result, rounded

NAME = "F9"
WHAT = "CPU per operation of F1, F4, F5, a KPI read and a list page: at the largest scale over the smallest"


async def run(bench: Bench) -> Result:
    """One copy per scale, all running; rounds by turns."""
    powers = sorted(bench.scale) if bench.full else [2]
    copies = {power: Operations(bench, await bench.scaled(power)) for power in powers}
    for number in range(bench.rounds):
        for power, operations in copies.items():
            await operations.round()
            bench.say(f"round {number + 1} at 10^{power}")
    small, large = copies[powers[0]], copies[powers[-1]]
    # A short form may cost less than one tick of the system's clock: that says nothing.
    ratios = {name: large.total(name) / least for name in small.costs if (least := small.total(name))}
    result = Result(
        NAME, WHAT, "ratio (the worst)", [max(ratios.values())],
        cpu_s_per_1000={name: large.total(name) for name in large.costs},
        limit_cpu_s_per_1000={name: small.total(name) for name in small.costs},
        memory_mib=(await bench.scaled(powers[-1])).site.memory(),
    )  # fmt: skip
    filtered = percentile(large.filtered_ms, 0.95)
    result.asked = [
        *(
            Asked(f"cost of {name}, large over small", ratio, 1.3, 1.1, most=True)
            for name, ratio in ratios.items()
        ),
        Asked("ms of a KPI read with up to three filters, p95", filtered, 100.0, 40.0, most=True),
    ]
    result.figures = {
        "leads": [10**power for power in powers],
        "kpi_events": [10 ** (power + 1) for power in powers],
        "by_process": {name: middle(costs) for name, costs in large.costs.items()},
        "by_process_small": {name: middle(costs) for name, costs in small.costs.items()},
        "filtered_p50_ms": rounded(percentile(large.filtered_ms, 0.5)),
    }
    return result
