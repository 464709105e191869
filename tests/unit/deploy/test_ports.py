"""Sockets that servers are given."""

from __future__ import annotations

import asyncio
import socket

from deploy.local.ports import listen


class TestListen:
    async def test_nothing_is_held_back_when_asyncio_answers(self) -> None:
        at_once: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = writer.get_extra_info("socket")
            at_once.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()
            await writer.wait_closed()

        sock = listen("127.0.0.1", 0)
        async with await asyncio.start_server(answer, sock=sock):
            _, writer = await asyncio.open_connection(*sock.getsockname())
            assert await at_once
            writer.close()
            await writer.wait_closed()
