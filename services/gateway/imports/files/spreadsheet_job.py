"""A process that reads one spreadsheet from its standard input and writes its rows as lines of JSON.

`[line, [text, …], fault or null]` each, nothing else; what cannot be read is `{"refused": why}`.
It limits its own memory and time first: what a spreadsheet's library does with what it is given is not ours
to say.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

import orjson

from services.gateway.imports.files.archive import check_parts, opened
from services.gateway.imports.files.table import UnreadableFile

MEMORY_BYTES = 1536 * 1024 * 1024
CPU_S = 900
LINES_AT_ONCE = 500


def limit_self() -> None:
    """Where the system has such limits."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))


def lines_of(file: BinaryIO, sheet: str | None) -> Iterator[bytes]:
    """The process's output."""
    from services.gateway.imports.files.sheet import rows_of

    try:
        archive = opened(file)
        for row in rows_of(archive, check_parts(archive), sheet):
            yield orjson.dumps(row)
    except UnreadableFile as error:
        yield orjson.dumps({"refused": error.detail})
    except MemoryError:
        yield orjson.dumps({"refused": "the spreadsheet needs more memory than any is given"})
    except Exception as error:  # noqa: BLE001 - a library's word about a file that somebody sent
        yield orjson.dumps(
            {"refused": f"the spreadsheet is damaged: {type(error).__name__}: {str(error)[:200]}"}
        )


def main() -> None:
    """`python -m …spreadsheet_job [SHEET] < file`."""
    limit_self()
    warnings.simplefilter("ignore")
    out: list[bytes] = []
    # Whoever reads may have seen enough.
    with suppress(BrokenPipeError):
        for line in lines_of(sys.stdin.buffer, sys.argv[1] if len(sys.argv) > 1 else None):
            out.append(line)
            if len(out) >= LINES_AT_ONCE:
                sys.stdout.buffer.write(b"\n".join(out) + b"\n")
                out.clear()
        sys.stdout.buffer.write(b"\n".join(out) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
