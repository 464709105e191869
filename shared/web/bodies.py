"""Request bodies: read within a limit, parsed so that nothing survives that could not be stored."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import orjson
from starlette.types import Receive

from shared.errors import FieldError, Invalid, Malformed, TooLarge
from shared.web.field_errors import pointer_of

MIB = 1024 * 1024
DEFAULT_LIMIT = 2 * MIB
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

_SHAPES = bytearray(b"x" * 256)
"""Every digit is a 0, what may stand before a number a comma, but for the colon after a key's last quote."""
for _looks, _bytes in (("0", "0123456789"), (",", "-,[ \t\r\n"), ('"', '"'), (":", ":")):
    for _byte in _bytes.encode():
        _SHAPES[_byte] = ord(_looks)
_LONG = b"0" * 19
_LONG_NUMBERS = (b"," + _LONG, b'":' + _LONG)
_LOOSE_COLON = re.compile(rb'"[ \t\r\n]+:')


class ClientGone(Exception):
    """The client left before its body was complete: nobody waits for an answer."""


class BodyTooLarge(TooLarge):
    code = "body_too_large"
    title = "The body is too large"


class BadJson(Malformed):
    code = "bad_json"
    title = "The body is not JSON as we accept it"


async def read_body(receive: Receive, limit: int, declared: str | None) -> bytes:
    """The whole body, of at most `limit` bytes, chunked or not. Raises BodyTooLarge or ClientGone."""
    if declared is not None and (not declared.isdigit() or int(declared[:20]) > limit):
        _refuse_size(limit)
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            _refuse_size(limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _refuse_size(limit: int) -> NoReturn:
    raise BodyTooLarge(f"A body has at most {limit} bytes here")


def parse_json(body: bytes, *, per_item: bool = False) -> Any:
    """The value of a JSON text.

    Refuses (BadJson) NaN, infinities, invalid UTF-8, lone surrogates, deep nesting and repeated keys, and
    (Invalid) what `refuse_unstorable` names; `per_item` leaves the latter to whoever looks at each item.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadJson(f"Not JSON: {error}") from None
    if type(value) in (dict, list):
        # Every key ends in `":`; a colon set apart, or quoted inside a string, makes the counts differ.
        certain = _count_keys(value) == body.count(b'":') and not _LOOSE_COLON.search(body)
        if not certain or _is_suspicious(body):
            found = _look_closely(body)
            if per_item:
                return found
            refuse_unstorable(found)
    return value


def _is_suspicious(body: bytes) -> bool:
    """Whether it may hold a NUL or a number over 64 bits; only then the slow look is worth its while."""
    # A regular expression would take six times as long. Digits within a text, as of an id, are no number.
    shapes = body.translate(_SHAPES)
    return b"\\u0000" in body or shapes.startswith(_LONG) or any(number in shapes for number in _LONG_NUMBERS)


def _count_keys(value: Any) -> int:
    total = 0
    pending = [value]
    while pending:
        node = pending.pop()
        if type(node) is dict:
            total += len(node)
            node = node.values()
        for item in node:
            kind = type(item)
            if kind is dict or kind is list:
                pending.append(item)
    return total


def _look_closely(body: bytes) -> Any:
    """Parse again with the standard library, which shows every key and number as written."""
    try:
        return json.loads(body, object_pairs_hook=_pairs, parse_int=_integer)
    except RecursionError:
        raise BadJson("Nested too deeply") from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise BadJson(f"The key {twice[:100]!r} stands twice in one object")
    return found


def _integer(text: str) -> int:
    # Thousands of digits take long and may raise: one more than fits stands for them.
    return int(text) if len(text) <= 20 else INT64_MAX + 1


def refuse_unstorable(value: Any, pointer: str = "") -> None:
    """Raises Invalid for NUL characters and whole numbers over 64 bits, however deep they lie."""
    if _surely_storable(value):
        return
    pending: list[tuple[str, Any]] = [(pointer, value)]
    while pending:
        at, node = pending.pop()
        kind = type(node)
        if kind is str:
            if "\0" in node:
                _bad_nul(at)
        elif kind is int:
            if not INT64_MIN <= node <= INT64_MAX:
                _refuse(at, "number_too_large", "A whole number has at most 64 bits")
        elif kind is dict:
            if any("\0" in key for key in node):
                _bad_nul(at)
            pending.extend((at + pointer_of([key]), item) for key, item in node.items())
        elif kind is list:
            pending.extend((f"{at}/{index}", item) for index, item in enumerate(node))


def _surely_storable(value: Any) -> bool:
    try:
        text = orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False
    return not _is_suspicious(text)


def _bad_nul(pointer: str) -> NoReturn:
    _refuse(pointer, "bad_characters", "Contains a NUL character, which cannot be stored")


def _refuse(pointer: str, code: str, detail: str) -> NoReturn:
    raise Invalid(detail, errors=[FieldError(pointer, code, detail)])
