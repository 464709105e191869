"""What a router refuses before the first request."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
import pytest
from fastapi import Depends, FastAPI, Header, Query
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response

from shared.web.routing import BodyLimit, Route, Router
from shared.web.wire import Id, WireModel
from tests.support.asgi import Answer, ask

ID = "0192f0c1-7c5e-7000-8000-0123456789ab"


def slow() -> int:
    return 1


async def quick() -> int:
    return 1


class TestRouter:
    def test_route_is_refused_when_it_would_run_in_a_thread(self) -> None:
        with pytest.raises(TypeError, match=r"/things: .* is not async"):

            @Router().get("/things")
            def things() -> Response:
                raise NotImplementedError

    def test_route_is_refused_when_a_dependency_would_run_in_a_thread(self) -> None:
        with pytest.raises(TypeError, match=r"slow .* is not async"):

            @Router().get("/things")
            async def things(_: Annotated[int, Depends(slow)]) -> Response:
                raise NotImplementedError

    def test_route_is_taken_when_all_of_it_is_async(self) -> None:
        router = Router()

        @router.get("/things")
        async def things(_: Annotated[int, Depends(quick)]) -> Response:
            raise NotImplementedError

        assert [route.path for route in router.routes] == ["/things"]  # type: ignore[attr-defined]


class Thing(WireModel):
    name: str
    size: int = 1


class Caller:
    """A dependency with parameters of its own, and one that counts how often it is asked."""

    asked = 0

    async def __call__(self, request: Request, x_caller: Annotated[str | None, Header()] = None) -> str:
        type(self).asked += 1
        if x_caller == "nobody":
            raise PermissionError
        return f"{request.method} by {x_caller}"


async def paged(limit: Annotated[int, Query(ge=1, le=9)] = 5) -> int:
    return limit


caller = Caller()


def routes() -> Router:
    router = Router()

    @router.post("/things/{thing_id}", dependencies=[Depends(BodyLimit(1000))])
    async def post(
        thing_id: Id,
        body: Thing,
        who: Annotated[str, Depends(caller)],
        again: Annotated[str, Depends(caller)],
        limit: Annotated[int, Depends(paged)],
        tag: Annotated[list[str], Query(default_factory=list)],
    ) -> Response:
        told = [str(thing_id), body.model_dump(), who, again, limit, tag]
        return Response(orjson.dumps(told), 201)

    @router.get("/things")
    async def get(request: Request, limit: Annotated[int, Depends(paged)], q: str | None = None) -> Response:
        return Response(orjson.dumps([request.url.path, limit, q]))

    return router


def app_of(router: Router) -> FastAPI:
    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return Response(orjson.dumps([error.body, error.errors()], default=repr), 422)

    async def forbidden(_: Request, error: Exception) -> Response:
        return Response(b"", 403)

    app = FastAPI(
        exception_handlers={RequestValidationError: invalid, PermissionError: forbidden},
        openapi_url=None,
    )
    app.router.routes[:] = router.routes
    return app


@pytest.fixture
def as_fastapi_does(monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    with monkeypatch.context() as patched:
        patched.setattr("shared.web.routing.lean_handler", lambda *_, **__: None)
        app = app_of(routes())
    assert all(isinstance(route, Route) and route._lean is None for route in app.router.routes)
    return app


@pytest.fixture
def lean() -> FastAPI:
    app = app_of(routes())
    assert all(isinstance(route, Route) and route._lean is not None for route in app.router.routes)
    return app


class TestLeanCalls:
    @pytest.mark.parametrize(
        ("method", "target", "body", "headers"),
        [
            ("POST", f"/things/{ID}?limit=3&tag=a&tag=b", {"name": "x", "size": 2}, {"x-caller": "me"}),
            ("POST", f"/things/{ID}", {"name": "x"}, {}),
            ("POST", f"/things/{ID}", {"name": 1, "color": "red"}, {}),
            ("POST", "/things/7?limit=0", {"size": "big"}, {"x-caller": "me"}),
            ("POST", f"/things/{ID}?limit=many", [], {}),
            ("POST", f"/things/{ID}", None, {}),
            ("POST", f"/things/{ID}", {"name": "x"}, {"x-caller": "nobody"}),
            ("GET", "/things?limit=9&q=abc", None, {}),
            ("GET", "/things?limit=10", None, {}),
        ],
    )
    async def test_answers_are_fastapis_own_when_it_is_asked_the_same(
        self, lean: FastAPI, as_fastapi_does: FastAPI, method: str, target: str, body: Any, headers: Any
    ) -> None:
        async def answer(app: FastAPI) -> Answer:
            return await ask(app, method, target, json=body, headers=headers)

        ours, theirs = await answer(lean), await answer(as_fastapi_does)
        assert (ours.status, ours.body, ours.headers.raw) == (theirs.status, theirs.body, theirs.headers.raw)

    async def test_null_is_a_body_when_it_is_sent(self, lean: FastAPI, as_fastapi_does: FastAPI) -> None:
        target, headers = f"/things/{ID}", {"content-type": "application/json"}
        ours = await ask(lean, "POST", target, body=b"null", headers=headers)
        theirs = await ask(as_fastapi_does, "POST", target, body=b"null", headers=headers)
        assert (ours.status, ours.body) == (422, theirs.body)

    async def test_dependency_is_asked_once_when_it_is_needed_twice(self, lean: FastAPI) -> None:
        before = Caller.asked
        await ask(lean, "POST", f"/things/{ID}", json={"name": "x"})
        assert Caller.asked == before + 1
