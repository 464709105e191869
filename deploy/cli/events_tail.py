"""`./cox events tail`: what goes by on Kafka."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable

import orjson

from deploy.cli import running
from deploy.cli.errors import CommandError
from shared.events.envelope import Received, Unplaceable
from shared.events.kafka import KafkaError, Reader, Record
from shared.events.streams import STREAMS
from shared.events.topics import partitions_of
from shared.settings import Settings

NAME = "events tail"
HELP = "show events as they are published, until Ctrl-C"

_POLL_MS = 500
_BATCH = 500


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--topic", choices=STREAMS, action="append", help="only this one; may be given again")
    parser.add_argument("--type", metavar="TEXT", help="only types that contain this, such as stage_changed")
    parser.add_argument("--from-start", action="store_true", help="begin with the oldest event there is")
    parser.add_argument("-n", "--count", type=int, metavar="N", help="end after this many")
    parser.add_argument("--json", action="store_true", help="one JSON object per line, with all headers")


def run(arguments: argparse.Namespace) -> int:
    if arguments.count is not None and arguments.count < 1:
        raise CommandError("--count must be 1 or more")
    settings = running.service_settings()
    try:
        asyncio.run(_tail(settings, arguments))
    except (KafkaError, TimeoutError) as error:
        raise CommandError(f"Kafka does not answer: {error!r}") from error
    return 0


async def _tail(settings: Settings, arguments: argparse.Namespace) -> None:
    reader = Reader(settings.kafka_bootstrap, "cox-tail", group=None)
    partitions = partitions_of(tuple(arguments.topic or STREAMS), settings.topic_prefix)
    render = as_json if arguments.json else as_line
    left = arguments.count
    try:
        await reader.start()
        reader.assign(partitions)
        for tp, (first, end) in (await reader.bounds(partitions)).items():
            reader.go_on(tp, first if arguments.from_start else end)
        print("following; Ctrl-C ends", file=sys.stderr, flush=True)
        while left is None or left > 0:
            records = await reader.poll(_POLL_MS, _BATCH)
            shown = _show(records, settings.topic_prefix, arguments.type, render, left)
            left = None if left is None else left - shown
    finally:
        await reader.stop()


def _show(
    records: list[Record],
    prefix: str,
    wanted: str | None,
    render: Callable[[Received], str],
    most: int | None,
) -> int:
    """Print up to `most` of the records; how many were printed."""
    shown = 0
    for record in sorted(records, key=lambda record: record.timestamp_ms):
        if shown == most:
            break
        try:
            received = received_from(record, prefix)
        except Unplaceable as error:
            print(f"{record.topic}[{record.partition}]@{record.offset}: {error}")
            shown += 1
            continue
        if wanted is None or wanted in received.type:
            print(render(received))
            shown += 1
    sys.stdout.flush()
    return shown


def received_from(record: Record, prefix: str) -> Received:
    """A record as consumers see it. Raises Unplaceable."""
    return Received(
        record.topic, record.partition, record.offset, record.timestamp_ms, record.key, record.value,
        record.headers, stream=record.topic.removeprefix(prefix),
    )  # fmt: skip


def as_line(received: Received) -> str:
    """One line for reading: when published, what, of which aggregate, its value."""
    marks = "".join(
        f" [{word}]" for word, on in (("historic", received.historic), ("replay", received.replay)) if on
    )
    value = orjson.dumps(_value(received)).decode()
    when = received.published_at.strftime("%H:%M:%S.%f")[:-3]
    return f"{when} {received.type} {received.aggregate_id} #{received.seq}{marks} {value}"


def as_json(received: Received) -> str:
    """All there is, for scripts."""
    told = {
        "topic": received.topic,
        "partition": received.partition,
        "offset": received.offset,
        "published_at": received.published_at,
        "key": str(received.aggregate_id),
        "headers": {name: raw.decode(errors="replace") for name, raw in received.headers.items()},
        "value": _value(received),
    }
    return orjson.dumps(told).decode()


def _value(received: Received) -> object:
    """The value as JSON; as text where it is none."""
    try:
        return orjson.loads(received.value)
    except orjson.JSONDecodeError:
        return received.value.decode(errors="replace")
