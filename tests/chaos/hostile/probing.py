"""Every route asked by a person: with ids that are theirs to see, and with ids that are not."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.chaos.hostile.asking import Answer
from tests.chaos.hostile.operations import NOWHERE, Document, Operation
from tests.chaos.hostile.world import FACTS, LISTS, Someone, Thing, World

KINDS = {
    "lead_id": "lead", "lead": "lead", "into": "lead", "activity_id": "activity", "import_id": "import",
    "key_id": "key", "relative_id": "relative", "suspect_id": "suspect",
    "session_id": "session", "user_id": "user", "rep": "user", "owner": "user", "owner_id": "user",
    "user": "user",
    "from_user_id": "user", "admin_ids": "user", "lead_ids": "lead", "instead_of": "rule",
    "view_id": "view", "view": "view",
    "rep_id": "user", "user_ids": "user", "unit_id": "unit", "unit": "unit", "team": "unit",
    "to_unit_id": "unit", "parent_id": "unit", "pipeline_id": "pipeline", "pipeline": "pipeline",
    "rule_id": "rule", "calendar_id": "calendar", "absence_id": "absence", "unit_ids": "unit",
    "pool_id": "pool", "pool": "pool", "dormant_pool_id": "pool", "response_rule_id": "response rule",
    "automation_rule_id": "automation rule", "owner_ids": "user", "pool_ids": "pool",
    "pipeline_ids": "pipeline", "custom_field_id": "custom field", "notice_id": "notice",
    "campaign_id": "campaign", "cost_id": "campaign cost",
    "entry_id": "listed person", "classification_rule_id": "classification rule",
    "form_id": "form", "code_id": "code",
    "export_id": "export", "mapping_id": "import mapping", "corrects": "import",
    "reassignment_id": "reassignment",
}  # fmt: skip
"""What an id of that name is the id of. A new name has to be entered here: the probing says so."""

_NOT_OF_ALL = frozenset({"/v1/leads/{lead_id}/erasure"})
"""What only some things have: of another one that they may see, people are told that there is none."""

_OF_OWNERS = frozenset({"/v1/exports/{export_id}/file"})
"""What only who owns a thing is given: others who may see that it is there are told that it is not theirs."""

Ask = Callable[..., Awaitable[Answer]]
_NOTHING = (None, 0, "0", "0.00", 0.0)


@dataclass
class Probing:
    """Counts and findings of all people together."""

    document: Document
    world: World
    ask: Ask
    chance: random.Random
    seen: int = 0
    refused: int = 0
    leaks: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.operations = [each for each in self.document.operations() if not _is_endless(each)]
        unknown = {
            f"{operation}: nothing says what {name} is the id of; enter it in KINDS"
            for operation in self.operations
            for name in _id_names(self.document, operation)
            if name not in KINDS
        }
        self.faults += sorted(unknown)

    async def probe(self, person: Someone) -> None:
        """Ask every route as this person."""
        for operation in self.operations:
            await self._by_path(person, operation)
            if operation.method == "GET":
                await self._by_query(person, operation)
            elif operation.body is not None:
                await self._by_body(person, operation)

    async def _by_path(self, person: Someone, operation: Operation) -> None:
        names = [each.name for each in operation.of_place("path") if each.is_id and each.name in KINDS]
        shown = {name: self._one(self._shown(person, KINDS[name])) for name in names}
        theirs = {name: NOWHERE if thing is None else thing.id for name, thing in shown.items()}
        for name in names:
            for hidden in self._hidden(person, KINDS[name]):
                await self._refused(person, operation, hidden, theirs | {name: hidden.id})
        if operation.method == "GET" and names and None not in shown.values():
            await self._answered(person, operation, theirs)

    async def _by_query(self, person: Someone, operation: Operation) -> None:
        path = self._path_ids(person, operation)
        if path is None:
            return
        await self._listed(person, operation, path, {})
        for name, more in _filters(operation):
            for hidden in self._hidden(person, KINDS[name]):
                key = "key" if "by" in more else name
                await self._listed(person, operation, path, {key: hidden.id, **more}, hidden)

    async def _by_body(self, person: Someone, operation: Operation) -> None:
        path = self._path_ids(person, operation)
        if path is None or operation.body is None:
            return
        for pointer, schema in self.document.leaves(operation.body):
            name = _name_of(pointer)
            if schema.get("format") != "uuid" or name not in KINDS:
                continue
            for hidden in self._hidden(person, KINDS[name]):
                # A lead may be handed to somebody of another team; never to one of another tenant. What was
                # done about a lead is named by all who see that lead.
                nearby = hidden.kind in LISTS or hidden.about in path.values()
                if hidden.tenant != person.tenant or not nearby:
                    await self._refused(person, operation, hidden, path, name)

    def _path_ids(self, person: Someone, operation: Operation) -> dict[str, str] | None:
        """Ids that the person may see, for a path that needs some; None where they see none."""
        found: dict[str, str] = {}
        for parameter in operation.of_place("path"):
            if not parameter.is_id:
                found[parameter.name] = str(self.document.sample(parameter.schema, {}))
                continue
            shown = self._one(self._shown(person, KINDS.get(parameter.name, "")))
            if shown is None:
                return None
            found[parameter.name] = shown.id
        return found

    def _hidden(self, person: Someone, kind: str) -> Iterator[Thing]:
        """One of another tenant, and one of their own that they may not see."""
        everything = self.world.of_kind(kind)
        foreign = self._one([thing for thing in everything if thing.tenant != person.tenant])
        near = [
            thing
            for thing in everything
            if thing.tenant == person.tenant and not self.world.may_see(person, thing)
        ]
        return iter([thing for thing in (foreign, self._one(near)) if thing is not None])

    def _shown(self, person: Someone, kind: str) -> list[Thing]:
        return [thing for thing in self.world.of_kind(kind) if self.world.may_see(person, thing)]

    def _one(self, things: list[Thing]) -> Thing | None:
        return self.chance.choice(things) if things else None

    async def _refused(
        self,
        person: Someone,
        operation: Operation,
        hidden: Thing,
        path: dict[str, str],
        field_: str | None = None,
    ) -> None:
        """Ask with an id in the path, or in a field of the body, that must not work."""
        ids = {field_: hidden.id} if field_ else {}
        body = self._body(operation, ids, everything=field_ is not None)
        target = _target(operation, path, self._needed(operation))
        answer = await self.ask(operation.method, target, token=person.token, json=body)
        who = f"{person.role} ({person.visibility})"
        what = f"{operation} as {who} with {field_ or 'the path'} of a hidden {hidden.kind}"
        if not _is_refusal(answer):
            self.leaks.append(f"{what}: {answer.status}")
        self.refused += answer.status < 500
        self._heard(person, operation, answer, {hidden.id, *path.values()}, what)

    def _body(self, operation: Operation, ids: dict[str, str], *, everything: bool) -> Any:
        if operation.body is None:
            return None
        return self.document.sample(operation.body, ids, whole=everything)

    async def _answered(self, person: Someone, operation: Operation, path: dict[str, str]) -> None:
        """Ask for what they may see: a check that refused everybody would prove nothing."""
        target = _target(operation, path, self._needed(operation))
        answer = await self.ask("GET", target, token=person.token)
        lacks = operation.scope is not None and not {operation.scope, "admin"} & person.scopes
        if lacks and answer.status == 403:
            self.refused += 1
        elif answer.status == 200 and not lacks:
            self.seen += 1
        elif answer.status == 404 and operation.path in _NOT_OF_ALL:
            pass
        elif answer.status == 403 and operation.path in _OF_OWNERS and not self._owns(person, path):
            self.refused += 1
        else:
            self.faults.append(f"{operation} as {person.role}: {answer.status} for what they may see")
        self._heard(person, operation, answer, path.values(), str(operation))

    def _owns(self, person: Someone, path: dict[str, str]) -> bool:
        return all(self.world.things[each].owner.user == person.id for each in path.values())

    async def _listed(
        self, person: Someone, operation: Operation, path: dict[str, str], query: dict[str, str],
        hidden: Thing | None = None,
    ) -> None:  # fmt: skip
        target = _target(operation, path, self._needed(operation) | query)
        answer = await self.ask("GET", target, token=person.token)
        what = f"{operation} {query} as {person.role} ({person.visibility})"
        asked = [*path.values(), *([hidden.id] if hidden and answer.status >= 400 else [])]
        self._heard(person, operation, answer, asked, what)
        if hidden is None or answer.status != 200 or not operation.path.startswith(FACTS):
            return
        if _says_something(answer.json):
            self.leaks.append(f"{what}: tells of a hidden {hidden.kind}")

    def _needed(self, operation: Operation) -> dict[str, str]:
        return {
            each.name: str(self.document.sample(each.schema, {}, each.name))
            for each in operation.of_place("query")
            if each.required
        }

    def _heard(self, person: Someone, operation: Operation, answer: Answer, asked: Any, what: str) -> None:
        if answer.status >= 500:
            self.faults.append(f"{what}: {answer.status} {answer.body[:300]!r}")
        named = asked if _is_refusal(answer) else ()
        self.leaks += [
            f"{what}: {told}" for told in self.world.leaks(person, operation.path, answer.body, named)
        ]


def _is_refusal(answer: Answer) -> bool:
    """Also of a batch of which every item was refused."""
    is_json = "json" in answer.headers.get("Content-Type", "")
    if answer.status != 200 or not is_json or not isinstance(answer.json, dict):
        return answer.status >= 400
    failed, items = answer.json.get("failed", 0), answer.json.get("items", ())
    return bool(items) and failed == len(items)


def _is_endless(operation: Operation) -> bool:
    return operation.path.endswith("/stream")


def _id_names(document: Document, operation: Operation) -> Iterator[str]:
    yield from (each.name for each in operation.parameters if each.is_id and each.place != "header")
    if operation.body is not None:
        for pointer, schema in document.leaves(operation.body):
            if schema.get("format") == "uuid":
                yield _name_of(pointer)


def _name_of(pointer: str) -> str:
    """The field's name; of an item of a list, the list's."""
    parts = [part for part in pointer.split("/") if part and not part.isdigit()]
    return parts[-1] if parts else ""


def _filters(operation: Operation) -> Iterator[tuple[str, dict[str, str]]]:
    """Query parameters that name ids; of a KPI's key, what makes it one."""
    names = {each.name for each in operation.of_place("query")}
    yield from ((each.name, {}) for each in operation.of_place("query") if each.is_id and each.name in KINDS)
    if {"by", "key"} <= names:
        yield "rep", {"by": "rep"}
        yield "team", {"by": "team"}


def _target(operation: Operation, path: dict[str, str], query: dict[str, str]) -> str:
    target = operation.path
    for name, value in path.items():
        target = target.replace(f"{{{name}}}", value)
    return f"{target}?{urlencode(query)}" if query else target


def _says_something(page: Any) -> bool:
    """Whether a list holds more than rows of nothing."""
    for item in page.get("items", ()):
        value = item.get("value", item)
        value = value.get("amount", value) if isinstance(value, dict) else value
        if value not in _NOTHING:
            return True
    return False
