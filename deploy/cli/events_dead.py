"""`./cox events dead`: events that could not be applied, and what to do about them."""

from __future__ import annotations

import argparse
import asyncio
import re
from dataclasses import asdict
from typing import NamedTuple

import asyncpg
import orjson

from deploy.cli import running
from deploy.cli.errors import CommandError
from deploy.local.topology import SERVICES
from shared.database.connections import Raw
from shared.database.engine import connect_raw
from shared.errors import CoxError
from shared.events.consuming import dead_letters
from shared.events.consuming.dead_letters import DeadLetter
from shared.settings import Settings

NAME = "events dead"
HELP = "list, show, replay or discard events that could not be applied"

ACTIONS = ("list", "show", "replay", "discard")
_ASKED = ("replay", "discard")
_WAIT_S = 15.0
_PAUSE_S = 0.2


class LetterId(NamedTuple):
    """As shown and typed: `scoring-12`."""

    service: str
    number: int

    @classmethod
    def parse(cls, text: str) -> LetterId:
        found = re.fullmatch(rf"({'|'.join(SERVICES)})-([0-9]{{1,18}})", text)
        if found is None:
            raise CommandError(f"{text!r} is not the id of a dead letter, such as scoring-12 (see: list)")
        return cls(found[1], int(found[2]))

    def __str__(self) -> str:
        return f"{self.service}-{self.number}"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=ACTIONS, default="list")
    parser.add_argument("id", nargs="?", metavar="ID", help="as listed, such as scoring-12")
    parser.add_argument("--reason", help="why an event is passed over; kept with it")
    parser.add_argument("--all", action="store_true", help="list those too that were dealt with")
    parser.add_argument("--json", action="store_true", help="one JSON object per line")


def run(arguments: argparse.Namespace) -> int:
    settings = running.service_settings()
    try:
        if arguments.action == "list":
            return asyncio.run(_list(settings, all_states=arguments.all, as_json=arguments.json))
        if arguments.id is None:
            raise CommandError(f"which one? ./cox events dead {arguments.action} ID (see: list)")
        letter = LetterId.parse(arguments.id)
        if arguments.action == "show":
            return asyncio.run(_show(settings, letter))
        return asyncio.run(_resolve(settings, letter, arguments.action, arguments.reason))
    except CoxError as error:
        raise CommandError(error.detail) from error
    except (OSError, asyncpg.PostgresError) as error:
        raise CommandError(f"the database does not answer: {error}") from error


async def _list(settings: Settings, *, all_states: bool, as_json: bool) -> int:
    found = 0
    for service in SERVICES:
        connection = await connect_raw(settings, service, "worker")
        try:
            letters = await dead_letters.list_letters(connection, all_states=all_states)
        finally:
            await connection.close()
        for letter in letters:
            found += 1
            print(_json(service, letter) if as_json else _line(service, letter))
    if not found and not as_json:
        print("no dead letters")
    return 0


async def _show(settings: Settings, letter: LetterId) -> int:
    connection = await connect_raw(settings, letter.service, "worker")
    try:
        found = await dead_letters.show_letter(connection, letter.number)
    finally:
        await connection.close()
    print(orjson.dumps(_told(letter.service, found), default=str, option=orjson.OPT_INDENT_2).decode())
    return 0


async def _resolve(settings: Settings, letter: LetterId, action: str, reason: str | None) -> int:
    """Ask the worker, then say what came of it; 1 where it is still a dead letter."""
    connection = await connect_raw(settings, letter.service, "worker")
    try:
        if action == "replay":
            await dead_letters.replay_letter(connection, letter.number)
        else:
            await dead_letters.discard_letter(connection, letter.number, reason or "")
        after = await _settled(connection, letter.number)
    finally:
        await connection.close()
    if after.state in _ASKED:
        print(f"{letter}: asked for; no worker of {letter.service} has done it yet")
        return 1
    said = {"replayed": "applied", "discarded": "passed over"}.get(after.state)
    print(f"{letter}: {said}" if said else f"{letter}: failed again: {after.reason}")
    return 0 if said else 1


async def _settled(connection: Raw, number: int) -> DeadLetter:
    """The letter once the worker has dealt with it, or as it is after a while."""
    deadline = asyncio.get_running_loop().time() + _WAIT_S
    while True:
        letter = await dead_letters.show_letter(connection, number)
        if letter.state not in _ASKED or asyncio.get_running_loop().time() > deadline:
            return letter
        await asyncio.sleep(_PAUSE_S)


def _line(service: str, letter: DeadLetter) -> str:
    what = f"{letter.type or 'unreadable'} {letter.aggregate_id or ''} #{letter.seq or '?'}"
    when = letter.set_aside_at.strftime("%Y-%m-%d %H:%M:%S")
    place = LetterId(service, letter.id)
    return f"{place} {letter.state} {when} {letter.consumer}: {what}: {letter.reason}"


def _told(service: str, letter: DeadLetter) -> dict[str, object]:
    return {**asdict(letter), "id": str(LetterId(service, letter.id))}


def _json(service: str, letter: DeadLetter) -> str:
    return orjson.dumps(_told(service, letter), default=str).decode()
