"""Answers that are files, made while they are sent: in constant memory, given up when nobody reads on."""

from __future__ import annotations

import asyncio
from typing import Protocol

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from shared.web.gone import unless_gone

STALL_S = 60.0
"""So long a client may leave what was sent unread."""


class Pieces(Protocol):
    """Where a file comes from."""

    @property
    def media_type(self) -> str: ...

    async def next(self) -> bytes:
        """The next piece, empty after the last."""
        ...

    async def end(self, *, whole: bool) -> None:
        """Told once: all of it was handed on, or it broke off."""
        ...


class FileOut(Response):
    """What goes wrong before the first piece is answered as everything else; later the connection breaks, so
    that nobody takes a part for the whole.
    """

    def __init__(self, pieces: Pieces, name: str) -> None:
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        super().__init__(status_code=200, media_type=pieces.media_type, headers=headers)
        del self.headers["content-length"]
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            piece = await unless_gone(self._pieces.next(), receive)
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            while piece:
                await _sent({"type": "http.response.body", "body": piece, "more_body": True}, send)
                piece = await unless_gone(self._pieces.next(), receive)
        except BaseException:
            await asyncio.shield(self._pieces.end(whole=False))
            raise
        # Before the last byte: nobody has the whole of a file that nothing is known of.
        await self._pieces.end(whole=True)
        await _sent({"type": "http.response.body", "body": b""}, send)


async def _sent(message: Message, send: Send) -> None:
    async with asyncio.timeout(STALL_S):
        await send(message)
