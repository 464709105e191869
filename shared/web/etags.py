"""Entity tags: a resource's version in quotes, and the conditions that requests put on it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shared.errors import Malformed, PreconditionFailed

_TAG = re.compile(r'\s*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*')


class BadEntityTag(Malformed):
    code = "bad_etag"
    title = "Not an entity tag"


def etag(version: int) -> str:
    """The strong tag of a version: `"7"`."""
    return f'"{version}"'


@dataclass(frozen=True, slots=True)
class Condition:
    """The tags of an If-Match or If-None-Match; `any` for `*`. `weak` ones never fulfil an If-Match."""

    strong: frozenset[str] = frozenset()
    weak: frozenset[str] = frozenset()
    any: bool = False

    def allows(self, version: int) -> bool:
        """If-Match, strong comparison: whether a write on this version may go on."""
        return self.any or str(version) in self.strong

    def names(self, version: int) -> bool:
        """If-None-Match, weak comparison: whether the caller already has this version."""
        return self.any or str(version) in self.strong or str(version) in self.weak

    def check(self, version: int) -> None:
        """Raises PreconditionFailed where the resource is no longer as the caller saw it."""
        if not self.allows(version):
            raise PreconditionFailed(f"Its version is {version} now; read it again")

    def known_version(self) -> int | None:
        """The newest version among the tags, None where none of them is a version."""
        tags = self.strong | self.weak
        versions = [int(tag) for tag in tags if tag.isascii() and tag.isdigit() and len(tag) < 19]
        return max(versions, default=None)


def parse_condition(value: str, header: str) -> Condition:
    """`*`, or a comma-separated list of quoted tags. Raises BadEntityTag on anything else."""
    if value.strip() == "*":
        return Condition(any=True)
    strong: set[str] = set()
    weak: set[str] = set()
    for part in _parts(value, header):
        (weak if part.group(1) else strong).add(part.group(2))
    return Condition(frozenset(strong), frozenset(weak))


def _parts(value: str, header: str) -> list[re.Match[str]]:
    found: list[re.Match[str]] = []
    at = 0
    while len(found) < 50:
        part = _TAG.match(value, at)
        if part is None:
            break
        found.append(part)
        if part.end() == len(value):
            return found
        if value[part.end()] != ",":
            break
        at = part.end() + 1
    raise BadEntityTag(f'{header} is * or a list of quoted tags, such as "7"')
