"""Hostile values in every field of every body, and bodies that are none."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.chaos.hostile.asking import Answer, Asker
from tests.chaos.hostile.operations import NOWHERE, Document, Operation
from tests.chaos.hostile.values import ADDRESS_NEVER, ADDRESS_ODD, BODIES, HEADER_VALUES, JSON_VALUES, Value

_HERE = "@@hostile@@"
_BATCH = "/batch"
_PRESETS = "/v1/presets/"
_HEADERS = ("If-Match", "If-None-Match", "Idempotency-Key", "Cox-Wait-For", "Cox-Wait-Ms", "Last-Event-ID",
            "traceparent", "Accept", "Accept-Encoding", "X-Forwarded-For", "Cookie")  # fmt: skip
_TYPES = ("", "text/plain", "application/json; charset=latin-1", "application/xml", "multipart/form-data",
          "application/x-www-form-urlencoded", "application/json, text/html", "x" * 3000)  # fmt: skip
_SECRET = frozenset({"password", "current_password", "new_password"})
"""Fields that are never shown to anybody: they may hold what they like."""


@dataclass
class Throwing:
    """Throws hostile values at every place of a document's operations, as somebody who may do everything.

    `made` counts what was created, by path. `share` of all throws is done: 1.0 in full.
    """

    document: Document
    asker: Asker
    token: str
    chance: random.Random
    share: float
    ids: dict[str, str] = field(default_factory=dict)
    made: dict[str, int] = field(default_factory=dict)
    thrown: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)

    def _chosen(self) -> bool:
        return self.chance.random() < self.share

    async def into_body(self, operation: Operation) -> None:
        """Each value in each field, the others being good."""
        if operation.body is None:
            return
        whole = self.document.sample(operation.body, self.ids, whole=True)
        for pointer, _ in self.document.leaves(operation.body):
            for value in JSON_VALUES:
                if self._chosen():
                    body = _replaced(whole, pointer, value.raw)
                    what = f"{operation} with {value.name} at {pointer or 'the root'}"
                    never = value.never and pointer.rpartition("/")[2] not in _SECRET
                    answer = await self._throw(operation, body, what, never=never)
                    self._check_pointer(answer, pointer, value, what)

    async def whole_bodies(self, operation: Operation) -> None:
        """Bodies that are no body of any route, and content types that are none."""
        if operation.body is None:
            return
        for name, body in BODIES.items():
            if self._chosen():
                await self._throw(operation, body, f"{operation} with {name}", never=bool(body.strip()))
        good = orjson.dumps(self.document.sample(operation.body, self.ids, whole=True))
        for kind in _TYPES:
            if self._chosen():
                headers = {"Content-Type": kind}
                await self._throw(
                    operation, good, f"{operation} as {kind[:40]!r}", never=True, headers=headers
                )
        packed = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        await self._throw(operation, b"\x1f\x8b", f"{operation} in gzip", never=True, headers=packed)

    async def into_address(self, operation: Operation) -> None:
        """Each value in each parameter of path and query."""
        for parameter in (*operation.of_place("path"), *operation.of_place("query")):
            for text in (*ADDRESS_NEVER, *ADDRESS_ODD):
                if not self._chosen() or (parameter.place == "path" and text in ("", "..", "%")):
                    continue
                changed = {parameter.name: text}
                target = self._target(operation, changed)
                what = f"{operation} with {parameter.name}={text[:40]!r}"
                answer = await self._ask(operation, target, what)
                if text in ADDRESS_NEVER and answer.status < 400:
                    self.faults.append(f"{what}: accepted ({answer.status})")

    async def into_headers(self, operation: Operation) -> None:
        """Each value in each header that somebody reads."""
        for name in _HEADERS:
            for value in HEADER_VALUES:
                if self._chosen():
                    body = None
                    if operation.body is not None:
                        body = orjson.dumps(self.document.sample(operation.body, self.ids))
                    await self._throw(
                        operation, body, f"{operation} with {name}: {value[:40]!r}", headers={name: value}
                    )

    async def _throw(
        self, operation: Operation, body: bytes | None, what: str, *, never: bool = False,
        headers: dict[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        sent = {"Content-Type": "application/json"} | (headers or {})
        answer = await self._ask(operation, self._target(operation, {}), what, body, sent)
        if never and answer.status < 400 and not _refused_by_item(operation, answer):
            self.faults.append(f"{what}: accepted ({answer.status} {answer.body[:200]!r})")
        return answer

    async def _ask(
        self, operation: Operation, target: str, what: str, body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        answer = await self.asker.ask(operation.method, target, token=self.token, body=body, headers=headers)
        self.thrown += 1
        if answer.status >= 500:
            self.faults.append(f"{what}: {answer.status} {answer.body[:300]!r}")
        elif answer.status not in operation.statuses | {404, 405, 408, 431}:
            self.faults.append(f"{what}: {answer.status} is not in the document")
        elif answer.status >= 400:
            self.refused += 1
            if not answer.is_problem:
                self.faults.append(f"{what}: {answer.status} without a problem: {answer.body[:200]!r}")
        else:
            self._count_made(operation, answer)
        return answer

    def _count_made(self, operation: Operation, answer: Answer) -> None:
        path, made = operation.path, int(answer.status == 201)
        if path.endswith(_BATCH) and answer.status == 200:
            path, made = path.removesuffix(_BATCH), answer.json["created"]
        self.made[path] = self.made.get(path, 0) + made
        if path.startswith(_PRESETS) and answer.status == 200:
            for item in answer.json["items"]:
                self.made[item["path"]] = self.made.get(item["path"], 0) + (item["state"] == "made")

    def _check_pointer(self, answer: Answer, pointer: str, value: Value, what: str) -> None:
        """A refused field is named: the one that is bad, or what it stands in, or lies in it."""
        if answer.status != 422 or not answer.is_problem:
            return
        told = answer.pointers
        near = any(each.startswith(pointer) or pointer.startswith(each) for each in told)
        if value.never and not near:
            self.faults.append(f"{what}: the answer points at {told}")

    def _target(self, operation: Operation, changed: dict[str, str]) -> str:
        target = operation.path
        for parameter in operation.of_place("path"):
            value = changed.get(parameter.name)
            if value is None:
                good = self.document.sample(parameter.schema, {})
                value = self.ids.get(parameter.name, str(good) if not parameter.is_id else NOWHERE)
            target = target.replace(f"{{{parameter.name}}}", value)
        query = {
            each.name: str(self.document.sample(each.schema, {}, each.name))
            for each in operation.of_place("query")
            if each.required
        } | {name: text for name, text in changed.items() if f"{{{name}}}" not in operation.path}
        pairs = "&".join(f"{name}={text}" for name, text in query.items())
        return f"{target}?{pairs}" if pairs else target


def _refused_by_item(operation: Operation, answer: Answer) -> bool:
    """A batch answers for each of its items."""
    return operation.path.endswith(_BATCH) and answer.json["created"] == 0


def _replaced(whole: Any, pointer: str, raw: bytes) -> bytes:
    """The body with raw JSON, or what would be, at a place."""
    if not pointer:
        return raw
    copied: Any = orjson.loads(orjson.dumps(whole))
    at = copied
    *parts, last = pointer.split("/")[1:]
    for part in parts:
        at = at[int(part)] if isinstance(at, list) else at[part]
    at[int(last) if isinstance(at, list) else last] = _HERE
    return orjson.dumps(copied).replace(f'"{_HERE}"'.encode(), raw)
