"""Where a live stream stands (Last-Event-ID): offsets of every partition, and one record as proof."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID
from zlib import crc32

from shared.events.streams import PARTITIONS, STREAMS

PLACES: tuple[tuple[str, int], ...] = tuple(
    (stream, partition) for stream in STREAMS for partition in range(PARTITIONS[stream])
)
"""Every partition of every stream; a mark lists them in this order."""

INDEX = {place: index for index, place in enumerate(PLACES)}
_VERSION = 1
_MAX_LENGTH = 1024


@dataclass(frozen=True, slots=True)
class Proof:
    """A record that was there: in another log, another one is at its place, or none."""

    place: int
    offset: int
    check: int


@dataclass(frozen=True, slots=True)
class Mark:
    """`offsets`: of each place, the next one to be told. `proof` is None while the log was empty."""

    offsets: tuple[int, ...]
    proof: Proof | None


def check_of(event_id: UUID) -> int:
    """32 bits by which a record is known again."""
    return crc32(event_id.bytes)


def encode(offsets: Sequence[int], proof: Proof | None) -> str:
    """A mark as text of letters, digits, `-` and `_`."""
    numbers = [_VERSION, 0 if proof is None else proof.place + 1]
    if proof is not None:
        numbers += [proof.offset, proof.check]
    raw = b"".join(_varint(number) for number in [*numbers, *offsets])
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> Mark | None:
    """The mark of `encode`; None for anything else, a mark of other topics included."""
    if not text.isascii() or not 0 < len(text) <= _MAX_LENGTH:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        numbers = _numbers(raw)
        if next(numbers) != _VERSION:
            return None
        place = next(numbers) - 1
        proof = None if place < 0 else Proof(place, next(numbers), next(numbers))
        offsets = tuple(numbers)
    except (binascii.Error, ValueError, StopIteration):
        return None
    if len(offsets) != len(PLACES) or place >= len(PLACES):
        return None
    return Mark(offsets, proof)


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _numbers(raw: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in raw:
        number |= (byte & 0x7F) << shift
        shift += 7
        if shift > 70:
            raise ValueError("a number is too long")
        if byte < 0x80:
            yield number
            number = shift = 0
    if shift:
        raise ValueError("the last number is cut")
