"""`./cox demo`: a simulated company, through the public API."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console

from deploy.cli import _demo_past
from deploy.cli._demo_company import DIRECTOR, REGIONS, SUPERVISORS, Rep, Team, company
from deploy.cli._demo_rules import POOLED, bring_campaigns, bring_rules, fill_pool, leaving, profile_of
from deploy.cli._demo_today import LEADS_PER_REP, Today
from deploy.cli._imports import followed, upload, wait_for_kpis
from deploy.cli.client import Client
from deploy.cli.console import Steps
from deploy.cli.errors import CommandError

NAME = "demo"
HELP = "a simulated company: reps, leads, activities, deals"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reps", type=int, default=8, metavar="N", help="how many reps (default 8)")
    parser.add_argument(
        "--days", type=int, default=30, metavar="N", help="how many days, up to now (default 30)"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed, the same story")


def run(arguments: argparse.Namespace) -> int:
    if not 1 <= arguments.reps <= 500 or not 1 <= arguments.days <= 3650:
        raise CommandError("--reps is 1 to 500, --days 1 to 3650")
    with Steps() as steps:
        leads = load(Client.of_running_copy(), steps, arguments.reps, arguments.days, arguments.seed)
    _say(arguments.reps, leads, arguments.days)
    return 0


def load(client: Client, steps: Steps, rep_count: int, days: int, seed: int) -> int:
    """The company, its past and its day; how many leads it has. On the same day again, it changes nothing."""
    tenant = client.get("/v1/org/tenant")
    now = datetime.now(ZoneInfo(tenant["timezone"])).replace(tzinfo=None)
    name = f"demo_{seed}_{rep_count}_{days}_{now:%Y%m%d}"
    teams, reps = company(rep_count, seed)
    stages = _stages(client)
    with steps.counted("the demo company's people") as progress:
        people = Organisation(client, progress)
        people.bring(teams, reps)
    with steps.counted("its rules") as progress:
        bring_rules(client, people.units, tenant["currency"])
        bring_campaigns(client, tenant["currency"], now.date())
        progress(1, 1)
    leads = _past(client, steps, name, reps, stages, days - 1, now, seed)
    with steps.counted("its last day, live") as progress:
        today = Today(client, name, tenant["currency"], stages, seed)
        today.live(LEADS_PER_REP * len(reps), progress)
        fill_pool(client, name, tenant["currency"], seed)
    return leads + LEADS_PER_REP * len(reps) + POOLED


def _say(reps: int, leads: int, days: int) -> None:
    console = Console()
    console.print(f"The demo company is there: {reps} reps, {leads} leads, {days} days. Try", highlight=False)
    for words in ("deals_won --by rep", "won_revenue --by region", "win_rate --by team"):
        console.print(f"  ./cox kpis {words} --grain month", highlight=False)


def _stages(client: Client) -> list[str]:
    """Keys of the default pipeline's stages, in order."""
    pipelines = client.get("/v1/pipelines")["items"]
    default = next(pipeline for pipeline in pipelines if pipeline["is_default"])
    return [stage["key"] for stage in default["stages"]]


class Organisation:
    """Units and users by code: what is there stays as it is."""

    def __init__(self, client: Client, progress: Any) -> None:
        self._client = client
        self._progress = progress
        self.units: dict[str, str] = {}

    def bring(self, teams: Sequence[Team], reps: Sequence[Rep]) -> None:
        found = list(self._client.pages("/v1/org/units"))
        self.units = {unit["code"]: unit["id"] for unit in found}
        company = next(unit for unit in found if unit["parent_id"] is None)
        users = {user["code"] for user in self._client.pages("/v1/org/users")}
        total = len(REGIONS) + 2 * len(teams) + len(reps)
        done = 0
        if "demo-director" not in users:
            self._user(DIRECTOR, "demo-director", company["code"], "director")
        for code, name in REGIONS:
            self._unit("region", f"demo-{code}", name, company["id"])
            if f"demo-{code}-supervisor" not in users:
                supervisor = SUPERVISORS[code]
                self._user(supervisor, f"demo-{code}-supervisor", f"demo-{code}", "supervisor")
        for team in teams:
            self._unit("team", team.code, team.name, self.units[team.region])
            if f"{team.code}-manager" not in users:
                self._user(team.manager, f"{team.code}-manager", team.code, "manager")
            done += 2
            self._progress(done + len(REGIONS), total)
        for rep in reps:
            if rep.code not in users:
                made = self._user(rep.name, rep.code, rep.team.code, "rep")
                self._client.put(f"/v1/org/users/{made}/profile", profile_of(rep))
                if rep is reps[-1]:
                    gone = leaving(self.units[rep.team.region], datetime.now(UTC))
                    self._client.post(f"/v1/org/users/{made}/leave", gone)
            done += 1
            self._progress(done + len(REGIONS), total)

    def _unit(self, kind: str, code: str, name: str, parent: str) -> None:
        if code not in self.units:
            body = {"kind": kind, "code": code, "name": name, "parent_id": parent}
            self.units[code] = self._client.post("/v1/org/units", body)["id"]

    def _user(self, name: str, code: str, unit: str, role: str) -> str:
        body = {"display_name": name, "code": code, "unit_id": self.units[unit], "roles": [role]}
        return str(self._client.post("/v1/org/users", body)["id"])


def _past(
    client: Client, steps: Steps, name: str, reps: Sequence[Rep], stages: Sequence[str], days: int,
    now: datetime, seed: int,
) -> int:  # fmt: skip
    """The days before today, as an import like any other; how many leads."""
    if days == 0:
        return 0
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    text, cases = _demo_past.log(reps, stages, days, midnight, seed)
    with tempfile.TemporaryDirectory() as folder:
        file, mapping = Path(folder) / "demo_history.csv", Path(folder) / "mapping.yaml"
        file.write_text(text, encoding="utf-8")
        mapping.write_text(_demo_past.mapping(name, stages), encoding="utf-8")
        asked = upload(client, "history", file, mapping, dry_run=False)
    done = followed(client, steps, asked["id"], f"its last {days} days")
    if done["state"] != "done" or done["rows_failed"]:
        raise CommandError(f"the demo's past was not imported whole; see GET /v1/imports/{done['id']}/errors")
    with steps.counted("its KPIs") as progress:
        wait_for_kpis(client, done["positions"], progress)
    return cases
