"""Sockets that servers are given."""

from __future__ import annotations

import asyncio
import socket

import pytest

from deploy.local import ports
from deploy.local.ports import free_port, listen


class TestFreePort:
    def test_no_port_is_given_twice_when_processes_start_side_by_side(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        chosen = []
        for pid in range(1000, 1004):
            monkeypatch.setattr("os.getpid", lambda mine=pid: mine)
            # What another process has given is not known here.
            monkeypatch.setattr(ports, "_given", set())
            chosen += [free_port() for _ in range(100)]
        assert len(set(chosen)) == 400

    def test_there_is_one_when_a_process_has_started_children_for_weeks(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ports, "_given", set())
        monkeypatch.setattr(ports, "_is_free", lambda _host, port: port % 3 > 0)
        chosen = [free_port() for _ in range(2000)]
        assert len(set(chosen[:300])) == 300

    def test_port_is_passed_over_when_somebody_listens_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("random.shuffle", lambda _: None)
        monkeypatch.setattr(ports, "_given", set())
        first = free_port()
        ports._given.clear()
        with listen("127.0.0.1", first):
            # Which one it is depends on what else goes on.
            assert free_port() != first


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
