"""Calls that a page of the docs shows, to be made one after the other: what a reader copies works.

A fenced block of kind `http` is a method and a target, JSON, an empty line, then the status and what the
answer has at least. `{name}` is an id: bound by the first answer that shows it, used from then on; `…` in an
answer may be anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

_BLOCK = re.compile(r"^```http\n(.*?)^```", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Call:
    """`answer` is None where the page shows only the status."""

    method: str
    target: str
    body: str
    status: int
    answer: Any

    def ready(self, ids: Mapping[str, str]) -> tuple[str, Any]:
        """Target and body with the ids known so far. Raises KeyError for one that nothing has shown yet."""
        target, body = (_NAME.sub(lambda found: ids[found[1]], text) for text in (self.target, self.body))
        return target, orjson.loads(body) if body else None

    def check(self, status: int, told: bytes, ids: dict[str, str]) -> None:
        """The answer is as the page shows it; ids shown for the first time are added to `ids`."""
        assert status == self.status, (self, told)
        if self.answer is not None:
            assert differences(self.answer, orjson.loads(told), ids) == [], self


def calls_of(page: Path) -> list[Call]:
    """The calls of a page, in order."""
    return [_call(block) for block in _BLOCK.findall(page.read_text(encoding="utf-8"))]


def _call(block: str) -> Call:
    asked, _, told = block.partition("\n\n")
    line, _, body = asked.partition("\n")
    method, target = line.split()
    status, _, answer = told.strip().partition(" ")
    return Call(method, target, body.strip(), int(status), orjson.loads(answer) if answer else None)


def differences(shown: Any, told: Any, ids: dict[str, str], place: str = "") -> list[str]:
    """Where an answer is not what the page shows; ids shown for the first time are added to `ids`."""
    if shown == "…":
        return []
    if isinstance(shown, dict) and isinstance(told, dict):
        missing = [f"{place}/{key}: not there" for key in shown.keys() - told.keys()]
        common = [key for key in shown if key in told]
        return missing + [
            each for key in common for each in differences(shown[key], told[key], ids, f"{place}/{key}")
        ]
    if isinstance(shown, list) and isinstance(told, list) and len(shown) == len(told):
        pairs = enumerate(zip(shown, told, strict=True))
        return [each for at, pair in pairs for each in differences(*pair, ids, f"{place}/{at}")]
    if isinstance(shown, str) and (name := _NAME.fullmatch(shown)):
        shown = ids.setdefault(name[1], told)
    return [] if shown == told else [f"{place}: shown {shown!r}, told {told!r}"]
