from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from shared.database.transactions import Access
from shared.events.positions import decode_token
from shared.ids import new_id
from shared.web.idempotency import forget, purge
from tests.integration.shared.web.conftest import Desk, a_principal

PATH = "/v1/notes"


def key(name: str = "k") -> dict[str, str]:
    return {"Idempotency-Key": name}


async def _somebody_waits(desk: Desk) -> None:
    """Return once a session of this database waits for a lock: PostgreSQL tells of it only when asked."""
    waiting = (
        "select count(*) from pg_stat_activity"
        " where wait_event_type = 'Lock' and datname = current_database()"
    )
    while not await desk.bed.admin.fetchval(waiting):
        pass


class TestIdempotency:
    async def test_stored_answer_is_given_when_key_and_body_come_again(self, desk: Desk) -> None:
        first = await desk.ask("POST", PATH, json={"text": "once"}, headers=key())
        again = await desk.ask("POST", PATH, json={"text": "once"}, headers=key())
        assert first.status == again.status == 201
        assert again.body == first.body
        for name in ("ETag", "Location", "Cox-Position", "Content-Type", "Content-Length"):
            assert again.headers[name] == first.headers[name]
        assert await desk.count("notes") == 1

    async def test_one_effect_when_many_send_the_same_at_once(self, desk: Desk) -> None:
        answers = await asyncio.gather(
            *(desk.ask("POST", PATH, json={"text": "rush"}, headers=key()) for _ in range(30))
        )
        assert {(answer.status, answer.body) for answer in answers} == {(201, answers[0].body)}
        assert await desk.count("notes") == 1

    async def test_refused_when_key_comes_with_another_body(self, desk: Desk) -> None:
        await desk.ask("POST", PATH, json={"text": "one"}, headers=key())
        answer = await desk.ask("POST", PATH, json={"text": "two"}, headers=key())
        assert (answer.status, answer.code) == (422, "idempotency_key_reused")
        assert await desk.count("notes") == 1

    async def test_key_stays_free_when_the_write_was_refused(self, desk: Desk) -> None:
        await desk.bed.admin.execute(
            "insert into notes values ($1, $2, 101, 'frozen')", desk.principal.tenant_id, new_id()
        )
        refused = await desk.ask("POST", PATH, json={"text": "frozen"}, headers=key())
        assert (refused.status, refused.code) == (409, "note_taken")
        assert await desk.count("idempotency_keys") == 0
        answer = await desk.ask("POST", PATH, json={"text": "another"}, headers=key())
        assert answer.status == 201

    async def test_rival_does_it_when_the_first_is_refused(self, desk: Desk) -> None:
        tenant = desk.principal.tenant_id
        async with desk.bed.app.transaction(desk.principal.access()) as tx:
            raw = await tx.raw()
            await raw.execute(
                "insert into idempotency_keys (tenant_id, principal_id, method, path, key, body_sha256)"
                " values ($1, $2, 'POST', $3, 'k', '\\x00')",
                tenant, desk.principal.id, PATH,
            )  # fmt: skip
            rival = asyncio.create_task(desk.ask("POST", PATH, json={"text": "rival"}, headers=key()))
            await _somebody_waits(desk)
            await raw.execute("delete from idempotency_keys where tenant_id = $1", tenant)
        assert (await rival).status == 201

    async def test_done_again_when_a_day_has_passed(self, desk: Desk) -> None:
        first = await desk.ask("POST", PATH, json={"text": "old"}, headers=key())
        await desk.bed.admin.execute(
            "update idempotency_keys set created_at = now() - interval '25 hours' where tenant_id = $1",
            desk.principal.tenant_id,
        )
        other = await desk.ask("POST", PATH, json={"text": "new"}, headers=key())
        assert other.status == 201
        assert other.json()["id"] != first.json()["id"]

    async def test_key_is_another_ones_when_principal_path_or_tenant_differ(self, desk: Desk) -> None:
        await desk.ask("POST", PATH, json={"text": "a"}, headers=key())
        colleague = replace(desk.principal, id=new_id())
        for principal in (colleague, a_principal()):
            desk.principal = principal
            assert (
                await desk.ask("POST", PATH, json={"text": "b" + str(principal.id)}, headers=key())
            ).status == 201
        assert (await desk.ask("POST", f"{PATH}/secret", json={"text": "c"}, headers=key())).status == 201

    async def test_answer_is_not_kept_when_it_shows_a_secret(self, desk: Desk) -> None:
        first = await desk.ask("POST", f"{PATH}/secret", json={"text": "s"}, headers=key())
        again = await desk.ask("POST", f"{PATH}/secret", json={"text": "s"}, headers=key())
        assert first.status == 201
        assert (again.status, again.code) == (409, "answer_not_kept")
        assert first.headers["Location"] in again.json()["detail"]
        stored = await desk.bed.admin.fetchrow(
            "select answer, status from idempotency_keys where tenant_id = $1", desk.principal.tenant_id
        )
        assert stored is not None
        assert (stored["answer"], stored["status"]) == (None, 201)

    @pytest.mark.parametrize(
        "value", ["", "with space", "ключ".encode().decode("latin-1"), "x" * 256, "a\x01"]
    )
    async def test_refused_when_key_is_malformed(self, desk: Desk, value: str) -> None:
        answer = await desk.ask("POST", PATH, json={"text": "x"}, headers=key(value))
        assert (answer.status, answer.code) == (400, "bad_idempotency_key")
        assert await desk.count("notes") == 0

    async def test_answers_are_gone_when_their_resource_is_erased(self, desk: Desk) -> None:
        answer = await desk.ask("POST", PATH, json={"text": "private"}, headers=key())
        async with desk.bed.app.transaction(Access(desk.principal.tenant_id)) as tx:
            await forget(tx, desk.principal.tenant_id, [answer.json()["id"]])
        again = await desk.ask("POST", PATH, json={"text": "private"}, headers=key())
        assert (again.status, again.json()["code"]) == (409, "answer_not_kept")
        kept = "select answer from idempotency_keys where tenant_id = $1"
        assert await desk.bed.admin.fetchval(kept, desk.principal.tenant_id) is None

    async def test_only_what_is_over_a_day_old_goes_when_purged(self, desk: Desk) -> None:
        await desk.ask("POST", PATH, json={"text": "old"}, headers=key("old"))
        await desk.bed.admin.execute(
            "update idempotency_keys set created_at = now() - interval '25 hours' where tenant_id = $1",
            desk.principal.tenant_id,
        )
        await desk.ask("POST", PATH, json={"text": "new"}, headers=key("new"))
        assert await purge(desk.bed.worker) >= 1
        kept = await desk.bed.admin.fetch(
            "select key from idempotency_keys where tenant_id = $1", desk.principal.tenant_id
        )
        assert [row["key"] for row in kept] == ["new"]


class TestWrite:
    async def test_position_names_what_it_caused_when_written(self, desk: Desk) -> None:
        answer = await desk.ask("POST", PATH, json={"text": "p"})
        secret = desk.bed.settings.position_secret.get_secret_value()
        positions = decode_token(answer.headers["Cox-Position"], desk.principal.tenant_id, secret)
        assert [(str(each.aggregate_id), each.seq) for each in positions] == [(answer.json()["id"], 1)]
        assert answer.headers["ETag"] == '"1"'
        assert answer.headers["Location"] == f"{PATH}/{answer.json()['id']}"

    async def test_done_once_when_a_deadlock_is_tried_again(self, desk: Desk) -> None:
        tenant = desk.principal.tenant_id
        one, two = new_id(), new_id()
        for id_, text in ((one, "one"), (two, "two")):
            await desk.bed.admin.execute("insert into notes values ($1, $2, 1, $3)", tenant, id_, text)
        barrier = asyncio.Barrier(2)
        tried: list[int] = []

        def crossing(first: Any, second: Any) -> Any:
            async def work(tx: Any) -> Any:
                raw = await tx.raw()
                lock = "update notes set seq = seq + 1 where id = $1 returning *"
                await raw.fetchrow(lock, first)
                tried.append(1)
                if len(tried) <= 2:
                    await barrier.wait()
                return await raw.fetchrow(lock, second)

            return work

        async def run(first: Any, second: Any) -> int:
            from starlette.requests import Request

            from shared.web.writes import Write

            scope = {
                "type": "http", "method": "POST", "path": PATH, "headers": [], "query_string": b"",
                "app": desk.app,
            }  # fmt: skip
            write = Write(Request(scope), desk.principal)
            answer = await write.run(crossing(first, second))
            return answer.status_code

        statuses = await asyncio.gather(run(one, two), run(two, one))
        assert list(statuses) == [204, 204]
        assert len(tried) >= 3
        seqs = await desk.bed.admin.fetch("select seq from notes where tenant_id = $1", tenant)
        assert [row["seq"] for row in seqs] == [3, 3]

    async def test_refused_when_the_scope_is_missing(self, desk: Desk) -> None:
        desk.principal = replace(desk.principal, scopes=frozenset({"leads:read"}))
        answer = await desk.ask("POST", PATH, json={"text": "x"})
        assert (answer.status, answer.code) == (403, "missing_scope")

    @pytest.mark.parametrize(
        ("tag", "status"),
        [
            ('"1"', 200),
            ("*", 200),
            ('"7", "1"', 200),
            ('"2"', 412),
            ('W/"1"', 412),
            ('"abc"', 412),
            ("1", 400),
            ("", 400),
            ('"1" "2"', 400),
            ('"1",', 400),
        ],
    )
    async def test_version_decides_when_if_match_is_given(self, desk: Desk, tag: str, status: int) -> None:
        made = await desk.ask("POST", PATH, json={"text": "v1"})
        target = made.headers["Location"]
        answer = await desk.ask("PATCH", target, json={"text": "v2"}, headers={"If-Match": tag})
        assert answer.status == status
        if status == 200:
            assert answer.headers["ETag"] == '"2"'
        else:
            assert answer.code == {412: "version_changed", 400: "bad_etag"}[status]
            assert (await desk.ask("GET", target)).json()["text"] == "v1"


class TestStoredValues:
    @pytest.mark.parametrize("body", [{"text": "n", "number": "text"}, {"text": 5}])
    async def test_422_when_only_the_database_notices(self, desk: Desk, body: dict[str, Any]) -> None:
        answer = await desk.ask("POST", "/v1/broken/raw", json=body)
        assert (answer.status, answer.code) == (422, "unstorable_value")

    async def test_409_when_a_constraint_of_the_database_refuses(self, desk: Desk) -> None:
        for status in (200, 409):
            answer = await desk.ask("POST", "/v1/broken/raw", json={"text": "twice"})
            assert answer.status == status

    async def test_other_tenants_notes_are_unknown_when_asked_by_id(self, desk: Desk) -> None:
        made = await desk.ask("POST", PATH, json={"text": "mine"})
        desk.principal = a_principal()
        answer = await desk.ask("GET", made.headers["Location"])
        assert (answer.status, answer.code) == (404, "not_found")
