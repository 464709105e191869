"""Identity: signing in, staying signed in, ending it."""

from __future__ import annotations

from fastapi import FastAPI

from tests.integration.services.gateway.conftest import PASSWORD, Client, Tenant
from tests.support.asgi import Answer


class TestPasswordGrant:
    async def test_tokens_are_given_when_password_is_right(self, tenant: Tenant) -> None:
        answer = await Client(tenant.app).sign_in(tenant.email.upper())
        assert answer.status == 200
        assert answer.headers["cache-control"] == "no-store"
        told = answer.json()
        assert set(told) == {"access_token", "refresh_token", "token_type", "expires_in"}
        assert (told["token_type"], told["expires_in"]) == ("Bearer", 900)

    async def test_who_is_asking_is_told_when_signed_in(self, tenant: Tenant) -> None:
        me = (await tenant.admin("GET", "/v1/me")).json()
        assert me["tenant_id"] == str(tenant.id)
        assert (me["kind"], me["visibility"], me["roles"]) == ("user", "tenant", ["admin"])

    async def test_refused_alike_when_password_or_account_is_wrong(self, tenant: Tenant) -> None:
        wrong = await Client(tenant.app).sign_in(tenant.email, "wrong password")
        unknown = await Client(tenant.app).sign_in("nobody@example.com", "wrong password")
        broken = await Client(tenant.app).sign_in("no address\x00", "wrong password")
        for answer in (wrong, unknown, broken):
            assert (answer.status, answer.code) == (401, "invalid_grant")
        assert wrong.json()["detail"] == unknown.json()["detail"] == broken.json()["detail"]

    async def test_refused_when_attempts_failed_too_often(self, tenant: Tenant, still_window: None) -> None:
        client = Client(tenant.app)
        email = f"x{tenant.email}"
        statuses = [(await client.sign_in(email, "wrong")).status for _ in range(11)]
        assert statuses == [401] * 10 + [429]
        answer = await client.sign_in(email, "wrong")
        assert answer.code == "too_many_attempts"
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["ratelimit-limit"] == "10"

    async def test_unprocessable_when_fields_are_missing_or_unknown(self, app: FastAPI) -> None:
        client = Client(app)
        missing = await client.form("/v1/auth/token", grant_type="password", username="a@b.example")
        assert (missing.status, missing.pointers) == (422, ["/password"])
        unknown = await client.form("/v1/auth/token", grant_type="password", colour="blue")
        assert unknown.status == 422
        other = await client.form("/v1/auth/token", grant_type="magic")
        assert (other.status, other.code) == (400, "unsupported_grant_type")


class TestRefreshing:
    async def test_new_tokens_are_given_when_refresh_token_is_fresh(self, tenant: Tenant) -> None:
        answer = await _refresh(tenant.admin, tenant.admin.refresh_token)
        assert answer.status == 200
        assert answer.json()["refresh_token"] != tenant.admin.refresh_token
        client = Client(tenant.app, answer.json()["access_token"])
        assert (await client("GET", "/v1/me")).status == 200

    async def test_whole_session_ends_when_refresh_token_is_used_twice(self, tenant: Tenant) -> None:
        stolen = tenant.admin.refresh_token
        newer = (await _refresh(tenant.admin, stolen)).json()["refresh_token"]
        again = await _refresh(tenant.admin, stolen)
        assert (again.status, again.code) == (401, "invalid_grant")
        assert (await _refresh(tenant.admin, newer)).status == 401
        answer = await tenant.admin("GET", "/v1/me")
        assert (answer.status, answer.code) == (401, "grant_revoked")

    async def test_refused_when_refresh_token_is_damaged_or_used_as_access_token(
        self, tenant: Tenant
    ) -> None:
        whole = tenant.admin.refresh_token
        assert whole is not None
        for broken in (whole[:-3] + "AAA", "coxr_", "coxr_%%%", "x" * 4000, "коxr_1"):
            assert (await _refresh(tenant.admin, broken)).status == 401
        assert (await Client(tenant.app, whole)("GET", "/v1/me")).status == 401


class TestSessions:
    async def test_other_session_is_ended_when_its_owner_revokes_it(self, tenant: Tenant) -> None:
        other = Client(tenant.app)
        await other.sign_in(tenant.email)
        listed = (await tenant.admin("GET", "/v1/auth/sessions")).json()["items"]
        assert [session["current"] for session in listed] == [True, False]
        answer = await tenant.admin("DELETE", f"/v1/auth/sessions/{listed[1]['id']}")
        assert answer.status == 204
        assert (await other("GET", "/v1/me")).status == 401
        assert (await tenant.admin("GET", "/v1/me")).status == 200
        assert (await tenant.admin("DELETE", f"/v1/auth/sessions/{listed[1]['id']}")).status == 404

    async def test_not_found_when_session_is_anothers(self, tenant: Tenant, other_tenant: Tenant) -> None:
        theirs = (await other_tenant.admin("GET", "/v1/auth/sessions")).json()["items"][0]["id"]
        assert (await tenant.admin("DELETE", f"/v1/auth/sessions/{theirs}")).status == 404

    async def test_session_ends_when_its_refresh_token_is_revoked(self, tenant: Tenant) -> None:
        assert tenant.admin.refresh_token is not None
        answer = await tenant.admin.form("/v1/auth/revoke", token=tenant.admin.refresh_token)
        assert answer.status == 204
        assert (await tenant.admin("GET", "/v1/me")).status == 401
        assert (await tenant.admin.form("/v1/auth/revoke", token="nonsense")).status == 204


class TestOwnPassword:
    async def test_other_sessions_end_when_password_is_changed(self, tenant: Tenant) -> None:
        other = Client(tenant.app)
        await other.sign_in(tenant.email)
        body = {"current_password": PASSWORD, "new_password": "a longer one than before"}
        assert (await tenant.admin("POST", "/v1/auth/password", body)).status == 204
        assert (await other("GET", "/v1/me")).status == 401
        assert (await tenant.admin("GET", "/v1/me")).status == 200
        assert (await other.sign_in(tenant.email)).status == 401
        assert (await other.sign_in(tenant.email, "a longer one than before")).status == 200

    async def test_refused_when_present_password_is_wrong_or_new_one_short(self, tenant: Tenant) -> None:
        wrong = {"current_password": "not it", "new_password": "a longer one than before"}
        assert (await tenant.admin("POST", "/v1/auth/password", wrong)).code == "wrong_password"
        short = {"current_password": PASSWORD, "new_password": "short"}
        answer = await tenant.admin("POST", "/v1/auth/password", short)
        assert (answer.status, answer.code) == (422, "password_unfit")


async def _refresh(client: Client, token: str | None) -> Answer:
    assert token is not None
    return await client.form("/v1/auth/token", grant_type="refresh_token", refresh_token=token)
