"""What a router refuses before the first request."""

from __future__ import annotations

from typing import Annotated

import pytest
from fastapi import Depends
from starlette.responses import Response

from shared.web.routing import Router


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
