from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from services.gateway.bootstrap import build_app, settings_of
from services.gateway.imports.runner import Runner
from services.gateway.upstream.services import NotNow, Services
from shared.access.keys import SigningKey
from shared.database.engine import make_engine
from shared.database.transactions import Database
from shared.settings import Settings
from tests.integration.services.gateway.conftest import Client, Tenant
from tests.support.asgi import Answer, ask
from tests.support.databases import Databases
from tests.support.pair import Pair

ORG = "rep,manager,region\nAnn,Mo,East\n李雷,Mo,East\nCid,Zoe,West\n"
DEALS = "shape: deals\nsource: old\ncolumns: {owner: owner, started: started, closed: closed, value: value}\n"


async def send(client: Client, kind: str | None, content: bytes | str | None, **fields: str) -> Answer:
    """A multipart form as a browser sends it."""
    boundary = secrets.token_hex(8)
    given = fields if kind is None else {"kind": kind, **fields}
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in given.items()
    ]
    if content is not None:
        raw = content.encode() if isinstance(content, str) else content
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        parts.append(head.encode() + raw + b"\r\n")
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    headers = {"content-type": f"multipart/form-data; boundary={boundary}", **client.headers}
    if client.token:
        headers["authorization"] = f"Bearer {client.token}"
    return await ask(client.app, "POST", "/v1/imports", body=body, headers=headers)


@pytest.fixture(scope="module")
def own(settings: Settings) -> Settings:
    """A database that no other runner works on: these tests step through an import themselves."""
    return settings.model_copy(update={"database_prefix": f"{settings.database_prefix}i_"})


@pytest.fixture(scope="module")
async def app(own: Settings, pair: Pair, signing_key: SigningKey) -> AsyncIterator[FastAPI]:
    await Databases(pair, own.database_prefix).require("gateway")
    made = build_app(settings_of(own), key=signing_key)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture(scope="module")
async def worker(own: Settings, app: FastAPI) -> AsyncIterator[Database]:
    database = Database(make_engine(own, "gateway", "worker", pool_size=2))
    yield database
    await database.dispose()


@pytest.fixture
async def runner(own: Settings, worker: Database, signing_key: SigningKey) -> AsyncIterator[Runner]:
    """The worker's side. Nobody listens where it would find leads and activities."""
    nowhere = dict.fromkeys(("leads", "activities"), "http://127.0.0.1:9")
    services = Services(nowhere, signing_key)
    await services.start()
    yield Runner(own, worker, services)
    await services.stop()


async def run_all(runner: Runner) -> None:
    while await runner.run_one():
        pass


async def imported(runner: Runner, client: Client, kind: str, content: bytes | str, **fields: str) -> Any:
    answer = await send(client, kind, content, **fields)
    assert answer.status == 202, answer
    await run_all(runner)
    return (await client("GET", f"/v1/imports/{answer.json()['id']}")).json()


async def errors_of(client: Client, made: Any) -> list[tuple[int, str]]:
    page = (await client("GET", f"/v1/imports/{made['id']}/errors")).json()
    return [(item["row"], item["code"]) for item in page["items"]]


class TestImportOrg:
    async def test_makes_regions_teams_managers_and_reps_when_they_are_new(
        self, runner: Runner, tenant: Tenant
    ) -> None:
        mapping = "columns: {manager: manager, region: region}"
        made = await imported(runner, tenant.admin, "org", ORG, mapping=mapping)
        assert (made["state"], made["rows_total"], made["rows_done"], made["rows_failed"]) == (
            "done",
            3,
            3,
            0,
        )
        assert made["counts"] == {"units_created": 4, "users_created": 5}
        units = {unit["id"]: unit for unit in (await tenant.admin("GET", "/v1/org/units")).json()["items"]}
        users = (await tenant.admin("GET", "/v1/org/users")).json()["items"]
        placed = {user["display_name"]: units[user["unit_id"]]["name"] for user in users}
        assert placed == {
            "Admin": placed["Admin"],
            "Ann": "Mo",
            "李雷": "Mo",
            "Mo": "Mo",
            "Cid": "Zoe",
            "Zoe": "Zoe",
        }
        team = next(unit for unit in units.values() if unit["name"] == "Mo")
        assert (team["kind"], units[team["parent_id"]]["name"]) == ("team", "East")
        roles = {user["display_name"]: user["roles"] for user in users}
        assert (roles["Ann"], roles["Mo"]) == (["rep"], ["manager"])

    async def test_changes_nothing_when_it_comes_again(self, runner: Runner, tenant: Tenant) -> None:
        mapping = "columns: {manager: manager, region: region}"
        await imported(runner, tenant.admin, "org", ORG, mapping=mapping)
        again = await imported(runner, tenant.admin, "org", ORG, mapping=mapping)
        assert (again["state"], again["counts"]) == ("done", {"unchanged": 9})

    async def test_reports_whom_it_would_move_when_somebody_is_in_another_team(
        self, runner: Runner, tenant: Tenant
    ) -> None:
        mapping = "columns: {team: team}"
        await imported(runner, tenant.admin, "org", "rep,team\nAnn,One\nBob,Two\n", mapping=mapping)
        again = await imported(runner, tenant.admin, "org", "rep,team\nAnn,Two\nBob,Two\n", mapping=mapping)
        assert await errors_of(tenant.admin, again) == [(2, "in_another_unit")]
        assert again["rows_failed"] == 1

    async def test_writes_nothing_when_it_is_a_dry_run(self, runner: Runner, tenant: Tenant) -> None:
        made = await imported(runner, tenant.admin, "org", "rep\nAnn\n", dry_run="true")
        assert (made["state"], made["dry_run"], made["counts"]) == ("done", True, {"users_created": 1})
        assert len((await tenant.admin("GET", "/v1/org/users")).json()["items"]) == 1

    async def test_keeps_good_rows_when_others_are_bad(self, runner: Runner, tenant: Tenant) -> None:
        made = await imported(runner, tenant.admin, "org", "rep,x\nAnn,1\nBob\n,2\nCid,3\nAnn,4\n")
        assert await errors_of(tenant.admin, made) == [
            (3, "wrong_width"),
            (4, "missing_value"),
            (6, "duplicate_row"),
        ]
        assert (made["rows_total"], made["rows_done"], made["rows_failed"]) == (5, 5, 3)
        assert made["counts"] == {"users_created": 2}

    async def test_reads_chinese_when_the_file_is_gbk(self, runner: Runner, tenant: Tenant) -> None:
        made = await imported(
            runner, tenant.admin, "org", "rep,备注\n王小明,北京\n韩梅梅,上海\n".encode("gbk")
        )
        assert (made["encoding"], made["counts"]) == ("gb18030", {"users_created": 2})
        names = {
            user["display_name"] for user in (await tenant.admin("GET", "/v1/org/users")).json()["items"]
        }
        assert {"王小明", "韩梅梅"} <= names


class TestPostImport:
    async def test_names_missing_columns_when_the_header_is_wrong(self, tenant: Tenant) -> None:
        answer = await send(tenant.admin, "org", "agent,boss\nAnn,Mo\n")
        problem = answer.json()
        assert (answer.status, problem["code"]) == (422, "wrong_header")
        assert "'rep'" in problem["detail"]
        assert "agent, boss" in problem["detail"]

    @pytest.mark.parametrize(
        ("kind", "content", "fields", "status", "code"),
        [
            ("org", "rep\nAnn\n", {"mapping": "colour: red"}, 422, "bad_mapping"),
            ("history", "id\n1\n", {}, 422, "wrong_header"),
            ("history", "id\n1\n", {"mapping": "shape: org"}, 422, "bad_mapping"),
            ("people", "rep\nAnn\n", {}, 422, "invalid_request"),
            (None, "rep\nAnn\n", {}, 422, "invalid_request"),
            ("org", None, {}, 422, "invalid_request"),
            ("org", "", {}, 422, "unreadable_file"),
            ("org", b"rep\nJos\xe9 M\xfcller\n", {}, 422, "unreadable_file"),
            ("org", b"\x1f\x8b\x08broken", {}, 422, "unreadable_file"),
            ("org", "rep\nAnn\n", {"dry_run": "perhaps"}, 422, "invalid_request"),
            ("org", "rep\nAnn\n", {"colour": "red"}, 422, "invalid_request"),
            ("org", "rep\nAnn\n", {"mapping": "a: \x00"}, 422, "invalid_request"),
        ],
    )
    async def test_is_refused_with_a_reason_when_the_form_is_wrong(
        self, tenant: Tenant, kind: str | None, content: bytes | str | None, fields: dict[str, str],
        status: int, code: str,
    ) -> None:  # fmt: skip
        answer = await send(tenant.admin, kind, content, **fields)
        assert (answer.status, answer.json()["code"]) == (status, code), answer

    @pytest.mark.parametrize(
        ("content_type", "status"),
        [
            ("application/json", 415),
            ("multipart/form-data", 400),
            ("multipart/form-data; boundary=x", 400),
            ("multipart/form-data; boundary=" + "é", 400),
        ],
    )
    async def test_is_refused_when_it_is_no_form(
        self, tenant: Tenant, content_type: str, status: int
    ) -> None:
        headers = {"content-type": content_type, "authorization": f"Bearer {tenant.admin.token}"}
        answer = await ask(tenant.app, "POST", "/v1/imports", body=b"garbage", headers=headers)
        assert answer.status == status, answer

    async def test_is_the_same_import_when_it_is_asked_for_again_meanwhile(
        self, runner: Runner, tenant: Tenant
    ) -> None:
        first, second = [(await send(tenant.admin, "org", ORG)).json()["id"] for _ in range(2)]
        await run_all(runner)
        third = (await send(tenant.admin, "org", ORG)).json()["id"]
        assert first == second != third
        await run_all(runner)

    async def test_is_forbidden_when_the_caller_may_not_do_that(self, tenant: Tenant) -> None:
        await tenant.user("rep", await tenant.root(), "rep")
        rep = await tenant.client("rep")
        for kind in ("org", "history"):
            assert (await send(rep, kind, "rep\nAnn\n")).status == 403


class TestGetImport:
    async def test_is_not_found_when_it_is_somebody_elses(
        self, runner: Runner, tenant: Tenant, other_tenant: Tenant
    ) -> None:
        made = await imported(runner, tenant.admin, "org", "rep\nAnn\n,\n")
        await tenant.user("rep", await tenant.root(), "rep")
        for client in (await tenant.client("rep"), other_tenant.admin):
            for path in (f"/v1/imports/{made['id']}", f"/v1/imports/{made['id']}/errors"):
                assert (await client("GET", path)).status == 404
        assert (await tenant.admin("GET", f"/v1/imports/{UUID(int=1)}")).status == 404
        assert (await tenant.admin("GET", "/v1/imports/nonsense")).status == 422

    async def test_is_told_unchanged_when_the_caller_has_it_as_it_is(
        self, runner: Runner, tenant: Tenant
    ) -> None:
        started = await send(tenant.admin, "org", "rep\nAnn\n")
        path = f"/v1/imports/{started.json()['id']}"
        waiting = await tenant.admin("GET", path)
        tag = waiting.headers["etag"]
        assert (await tenant.admin("GET", path, if_none_match=tag)).status == 304
        await run_all(runner)
        done = await tenant.admin("GET", path, if_none_match=tag)
        assert (done.status, done.json()["state"]) == (200, "done")
        assert done.headers["cox-position"] == done.json()["positions"][-1]


class TestGetErrors:
    async def test_pages_and_downloads_the_same_rows_when_there_are_many(
        self, runner: Runner, tenant: Tenant
    ) -> None:
        made = await imported(runner, tenant.admin, "org", "rep,x\n" + "=cmd,1,2\n" * 7 + "Ann,1\n")
        rows: list[int] = []
        path = f"/v1/imports/{made['id']}/errors?limit=3"
        cursor: str | None = ""
        while cursor is not None:
            page = (await tenant.admin("GET", path + (f"&cursor={cursor}" if cursor else ""))).json()
            rows += [item["row"] for item in page["items"]]
            cursor = page["next_cursor"]
        assert rows == list(range(2, 9))
        shown = {"authorization": f"Bearer {tenant.admin.token}"}
        target = f"/v1/imports/{made['id']}/errors?format=csv"
        answer = await ask(tenant.app, "GET", target, headers=shown)
        lines = answer.body.decode().splitlines()
        assert answer.headers["content-type"].startswith("text/csv")
        assert lines[0] == "row,field,code,detail"
        assert [int(line.split(",")[0]) for line in lines[1:]] == rows


class TestRunner:
    async def test_goes_on_where_it_stopped_when_a_service_does_not_answer(
        self, runner: Runner, tenant: Tenant
    ) -> None:
        await imported(runner, tenant.admin, "org", "rep\nAnn\n")
        content = "id,owner,stage,started,closed,value\n1,Ann,won,2026-01-01,2026-01-02,10\n"
        answer = await send(tenant.admin, "history", content, mapping=DEALS)
        path = f"/v1/imports/{answer.json()['id']}"
        for _ in range(2):
            with pytest.raises(NotNow):
                await run_all(runner)
            now = (await tenant.admin("GET", path)).json()
            assert (now["state"], now["rows_total"], now["rows_done"]) == ("running", 1, 0)
        await self._abandon(runner, now["id"])

    async def test_reads_the_file_again_when_it_died_while_reading(
        self, runner: Runner, tenant: Tenant
    ) -> None:
        answer = await send(tenant.admin, "org", ORG)
        async with runner._database.transaction() as tx:
            await tx.connection.execute(
                "update imports set state = 'reading' where id = $1", UUID(answer.json()["id"])
            )
            await tx.connection.execute(
                "insert into import_rows values ($1, $2, 1, 2, '{}')", tenant.id, UUID(answer.json()["id"])
            )
        await run_all(runner)
        now = (await tenant.admin("GET", f"/v1/imports/{answer.json()['id']}")).json()
        assert (now["state"], now["counts"]) == ("done", {"units_created": 4, "users_created": 5})

    async def _abandon(self, runner: Runner, import_id: str) -> None:
        async with runner._database.transaction() as tx:
            await tx.connection.execute("update imports set state = 'failed' where id = $1", UUID(import_id))
