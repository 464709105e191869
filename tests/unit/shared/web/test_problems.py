from __future__ import annotations

from typing import Any

import asyncpg
import orjson
import pytest
from starlette.exceptions import HTTPException

from shared import errors
from shared.errors import CoxError, FieldError
from shared.web.problems import STATUS, answer, as_cox_error, status_of


def every_error(kind: type[CoxError] = CoxError) -> set[type[CoxError]]:
    return {kind}.union(*(every_error(below) for below in kind.__subclasses__()))


class LeadTaken(errors.Conflict):
    code = "lead_taken"
    title = "Somebody else has it"


class TestStatus:
    def test_every_branch_of_the_tree_has_a_status_of_its_own(self) -> None:
        branches = {kind for kind in CoxError.__subclasses__() if kind.__module__ == "shared.errors"}
        assert branches <= set(STATUS)
        assert len(set(STATUS.values())) == len(STATUS)

    def test_a_concrete_error_has_its_branchs_status(self) -> None:
        assert status_of(LeadTaken()) == 409

    def test_codes_and_titles_are_said_by_every_error(self) -> None:
        for kind in every_error():
            assert kind.code == kind.code.lower()
            assert kind.title


def problem(error: BaseException, path: str = "/v1/leads") -> tuple[int, dict[str, Any], dict[str, str]]:
    response = answer(error, {"type": "http", "method": "GET", "path": path})
    return response.status_code, orjson.loads(response.body), dict(response.headers)


class TestAnswer:
    def test_whole_problem_when_a_rule_is_broken(self) -> None:
        field = FieldError("/owner_id", "unknown_owner", "Nobody has that id")
        status, body, headers = problem(LeadTaken("By Li", errors=[field], headers={"X-More": "1"}))
        assert (status, headers["content-type"], headers["x-more"]) == (409, "application/problem+json", "1")
        assert body == {
            "type": "urn:coxswain:problem:lead_taken",
            "title": "Somebody else has it",
            "status": 409,
            "detail": "By Li",
            "instance": "/v1/leads",
            "trace_id": "0" * 32,
            "code": "lead_taken",
            "errors": [{"pointer": "/owner_id", "code": "unknown_owner", "detail": "Nobody has that id"}],
        }

    def test_still_a_problem_when_a_lone_surrogate_got_into_the_words(self) -> None:
        status, body, _ = problem(LeadTaken("a \ud800 b"), path="/\udfff")
        assert (status, body["detail"]) == (409, "a \\ud800 b")

    def test_retry_after_when_it_may_work_later(self) -> None:
        assert problem(errors.Unavailable())[2]["retry-after"] == "1"
        assert problem(errors.LimitReached(headers={"Retry-After": "7"}))[2]["retry-after"] == "7"
        assert problem(errors.Unauthenticated())[2]["www-authenticate"] == "Bearer"

    @pytest.mark.parametrize(
        ("error", "status", "code"),
        [
            (HTTPException(404), 404, "not_found"),
            (HTTPException(418, "teapot"), 400, "malformed_request"),
            (HTTPException(599), 500, "internal_error"),
            (ConnectionResetError("gone"), 503, "database_unavailable"),
            (asyncpg.CannotConnectNowError("starting"), 503, "database_unavailable"),
            (asyncpg.DeadlockDetectedError("of row 7"), 503, "database_unavailable"),
            (asyncpg.CharacterNotInRepertoireError("\\x00"), 422, "unstorable_value"),
            (asyncpg.UniqueViolationError("Li's phone"), 409, "conflict"),
            (asyncpg.InsufficientPrivilegeError("row-level security"), 403, "forbidden"),
            (asyncpg.UndefinedTableError("nope"), 500, "internal_error"),
            (FileNotFoundError("a file of ours"), 500, "internal_error"),
            (ValueError("inside"), 500, "internal_error"),
        ],
    )
    def test_status_follows_when_others_raise(self, error: Exception, status: int, code: str) -> None:
        cox = as_cox_error(error)
        assert (status_of(cox), cox.problem_code) == (status, code)
        assert str(error.args[0]) not in cox.detail or status in (404, 400)
