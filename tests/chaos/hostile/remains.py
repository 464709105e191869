"""Looking for words everywhere that the product keeps anything: databases, topics, logs.

Tables, topics and files are found as they are, from no list: what comes later is looked through, too.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.home import Home
from deploy.local.topology import SERVICES
from shared.events.kafka import Admin, Outgoing, Producer, Reader, Record, TopicPartition
from tests.chaos.stack import Stack

_TABLES = """
select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'm') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
  and n.nspname !~ '^pg_(temp|toast_temp)'
order by 1
"""
_SEND_S = 30.0
_MOST = 5000
PLANTED = "chaos_planted"


@dataclass(frozen=True, slots=True)
class Words:
    """What to look for: a mark that stands in every text about the people, and numbers that begin alike.

    `numbers` are seven digits before the last four of each phone.
    """

    mark: str
    numbers: str

    @property
    def pattern(self) -> str:
        """For PostgreSQL and for Python; in bytes a table shows them as hexadecimal digits.

        A phone with its country in front has up to 15 digits: those of other people's terms are numbers of
        nineteen, in thousands of which any seven digits stand somewhere.
        """
        spelled = [text.encode().hex() for text in (self.mark, self.numbers)]
        phone = rf"(?<![0-9]{{5}}){self.numbers}[0-9]{{4}}(?![0-9]{{3}})"
        return "|".join((self.mark, phone, spelled[0], rf"{spelled[1]}(3[0-9]){{4}}"))


async def everywhere(stack: Stack, words: Words) -> dict[str, int]:
    """In which tables, topics and files any of it stands, and how often (rows, records, lines)."""
    found: dict[str, int] = {}
    for service in SERVICES:
        found |= await in_database(stack, service, words)
    return found | await in_topics(stack, words) | await asyncio.to_thread(in_logs, stack, words)


async def in_database(stack: Stack, service: str, words: Words) -> dict[str, int]:
    """Every column of every table, as text."""
    found = {}
    async with stack.database(service) as connection:
        for (table,) in await connection.fetch(_TABLES):
            query = f"select count(*) from only {table} t where t::text ~* $1"  # noqa: S608 - from the catalogue
            rows = await connection.fetchval(query, words.pattern)
            if rows:
                found[f"{service}:{table}"] = rows
    return found


async def in_topics(stack: Stack, words: Words) -> dict[str, int]:
    """Every record of every topic of this installation, its key and headers, too."""
    pattern = re.compile(words.pattern.encode(), re.IGNORECASE)
    found: dict[str, int] = {}
    async for record in _records(stack):
        said = [record.key or b"", record.value or b"", *(value for _, value in record.headers)]
        if any(pattern.search(each) for each in said):
            found[f"topic:{record.topic}"] = found.get(f"topic:{record.topic}", 0) + 1
    return found


async def _records(stack: Stack) -> AsyncIterator[Record]:
    settings = stack.settings
    async with Admin(settings.kafka_bootstrap) as admin:
        topics = {
            name: count
            for name, count in (await admin.topics()).items()
            if name.startswith(settings.topic_prefix) and not name.startswith("__")
        }
    places = [TopicPartition(name, number) for name, count in topics.items() for number in range(count)]
    reader = Reader(settings.kafka_bootstrap, "cox-chaos", group=None, max_wait_ms=100)
    try:
        await reader.start()
        reader.assign(places)
        bounds = await reader.bounds(places)
        left = {tp: end for tp, (begin, end) in bounds.items() if end > begin}
        for tp in left:
            reader.go_on(tp, bounds[tp][0])
        while left:
            for record in await reader.poll(500, _MOST):
                tp = TopicPartition(record.topic, record.partition)
                if record.offset + 1 >= left.get(tp, record.offset + 2):
                    del left[tp]
                yield record
    finally:
        await reader.stop()


def in_logs(stack: Stack, words: Words) -> dict[str, int]:
    """Every line that any process of the copy wrote, servers included."""
    pattern = re.compile(words.pattern, re.IGNORECASE)
    found = {}
    for file in sorted(_logs(stack).rglob("*")):
        if file.is_file():
            with file.open(encoding="utf-8", errors="replace") as lines:
                count = sum(pattern.search(line) is not None for line in lines)
            if count:
                found[f"log:{file.name}"] = count
    return found


def _logs(stack: Stack) -> Path:
    return Home(stack.copy.home).logs


@asynccontextmanager
async def planted(stack: Stack, text: str) -> AsyncIterator[set[str]]:
    """The text stands at one place of each kind, in a table, topic and file that nobody knows of: which."""
    service, topic = SERVICES[-1], f"{stack.settings.topic_prefix}{PLANTED}"
    file = _logs(stack) / f"{PLANTED}.log"
    try:
        async with stack.database(service) as connection:
            await connection.execute(f"create table {PLANTED} (inside jsonb, raw bytea)")
            await connection.execute(
                f"insert into {PLANTED} values (jsonb_build_object('deep', array[$1::text]), null)",  # noqa: S608
                text,
            )
        await _sent(stack, topic, text)
        await asyncio.to_thread(file.write_text, f"before\nsaid {text}\n", encoding="utf-8")
        yield {f"{service}:public.{PLANTED}", f"topic:{topic}", f"log:{file.name}"}
    finally:
        file.unlink(missing_ok=True)
        async with stack.database(service) as connection:
            await connection.execute(f"drop table if exists {PLANTED}")
        async with Admin(stack.settings.kafka_bootstrap) as admin:
            await admin.delete([topic])


async def _sent(stack: Stack, topic: str, text: str) -> None:
    async with Admin(stack.settings.kafka_bootstrap) as admin:
        await admin.create({topic: 1}, {})
    producer = Producer(stack.settings.kafka_bootstrap, "cox-chaos")
    await producer.start()
    try:
        await producer.send([Outgoing(TopicPartition(topic, 0), b"key", text.encode(), [])], _SEND_S)
    finally:
        await producer.stop()
