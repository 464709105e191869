"""What a file's columns mean: the YAML that comes with an import, checked before any row is read.

One of four shapes: `deals` (a row per deal), `event_log` (a row per case, activity, time, person), `org` and
`leads`.
"""

from __future__ import annotations

import codecs
import fnmatch
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from shared.contracts.activities import ActivityKind

Key: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]{0,39}$")]
Column: TypeAlias = Annotated[str, Field(min_length=1, max_length=200)]
Columns: TypeAlias = Annotated[list[Column], Field(min_length=1, max_length=8)]
Outcome: TypeAlias = Literal["won", "lost"]
Currency: TypeAlias = Annotated[str, Field(pattern="^[A-Z]{3}$")]
CustomKey: TypeAlias = Annotated[str, Field(min_length=1, max_length=100)]

_NOT_OF_FILES = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"})
"""Python has them as encodings of text; what they read is host names and programs."""


class Part(BaseModel):
    """A part of a mapping: what it does not know is a mistake, and is said so."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FileFormat(Part):
    """How the file is written; what is absent is detected. `sheet`: of a spreadsheet, else the first one."""

    encoding: str | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    sheet: Annotated[str, Field(min_length=1, max_length=200)] | None = None

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        if value is None or value == "auto":
            return None
        try:
            info = codecs.lookup(value)
        except LookupError as error:
            raise ValueError(
                f"no encoding is called {value!r}; for example utf-8, gb18030, utf-16"
            ) from error
        if not getattr(info, "_is_text_encoding", True) or info.name in _NOT_OF_FILES:
            raise ValueError(f"{value!r} is not an encoding of text files")
        return info.name

    @field_validator("delimiter")
    @classmethod
    def _separates(cls, value: str | None) -> str | None:
        if value is not None and value in '"\r\n\0':
            raise ValueError(f"{value!r} cannot separate the cells of a line")
        return value


class StageSpec(Part):
    key: Key
    name: Annotated[str, Field(min_length=1, max_length=120)]

    @field_validator("key")
    @classmethod
    def _not_an_outcome(cls, value: str) -> str:
        if value in ("won", "lost"):
            raise ValueError("`won` and `lost` are outcomes, no stages")
        return value


class PipelineSpec(Part):
    """The pipeline that the import creates where there is none with this key; stages in order."""

    key: Key
    name: Annotated[str, Field(min_length=1, max_length=120)]
    stages: Annotated[list[StageSpec], Field(min_length=1, max_length=50)]

    @field_validator("stages")
    @classmethod
    def _distinct(cls, value: list[StageSpec]) -> list[StageSpec]:
        if len({stage.key for stage in value}) != len(value):
            raise ValueError("two stages have the same key")
        return value

    @property
    def stage_keys(self) -> tuple[str, ...]:
        return tuple(stage.key for stage in self.stages)


class People(Part):
    """What happens to a person of the file whom the org does not know: refuse the row, or an inactive rep."""

    unknown: Literal["refuse", "create_inactive"] = "refuse"


class Shape(Part):
    """What all shapes have: the file's format, other spellings of values, and values that mean nothing."""

    file: FileFormat = FileFormat()
    aliases: dict[str, dict[str, str]] = Field(default_factory=dict)
    """By field (not column): a value as the file has it -> as it is meant."""
    empty: dict[str, list[str]] = Field(default_factory=dict)
    """By field: values that stand for "not known"."""

    def declared_columns(self) -> dict[str, list[str]] | None:
        """Every mapped field with its columns in the file, the first filled one counts; None: the file's
        headings say what its columns are.
        """
        declared: BaseModel | None = self.columns  # type: ignore[attr-defined]
        return None if declared is None else {name: value for name, value in declared if value is not None}

    def optional_columns(self) -> frozenset[str]:
        """Fields that were not asked for by name: their usual column need not be there."""
        declared: BaseModel | None = self.columns  # type: ignore[attr-defined]
        unsaid = () if declared is None else type(declared).model_fields.keys() - declared.model_fields_set
        return frozenset(unsaid) & _SPARED

    def custom_columns(self) -> dict[str, str]:
        """Custom fields by key, with their columns."""
        return {}

    @model_validator(mode="after")
    def _only_mapped_fields(self) -> Shape:
        mapped = self.declared_columns()
        for part in ("aliases", "empty"):
            for name in getattr(self, part):
                if mapped is not None and name not in mapped:
                    raise ValueError(f"`{part}` names the field {name!r}, which `columns` does not map")
        return self


_SPARED = frozenset({"id", "name"})
"""Columns that are taken where they are there: a row without an id is known by what it says."""


class Fields(Part):
    """Fields and the columns that hold them; one column may be written without the list."""

    @field_validator("*", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


class HistoryShape(Shape):
    """What both shapes of the past have. Without a currency, money is in the tenant's."""

    source: Key = "file"
    currency: Currency | None = None
    pipeline: PipelineSpec | None = None
    dates: Annotated[list[str], Field(min_length=1)] | None = None
    """Formats of dates and times as `datetime.strptime` has them; absent: all usual ones that are clear."""
    people: People = People()

    def check_stage(self, key: str, where: str) -> None:
        if self.pipeline is not None and key not in self.pipeline.stage_keys:
            known = ", ".join(self.pipeline.stage_keys)
            raise ValueError(f"{where} names the stage {key!r}; the pipeline has {known}")


class DealColumns(Fields):
    id: Columns = Field(default_factory=lambda: ["id"])
    owner: Columns | None = None
    creator: Columns | None = None
    name: Columns | None = None
    company: Columns | None = None
    product: Columns | None = None
    region: Columns | None = None
    channel: Columns | None = None
    origin: Columns | None = None
    campaign: Columns | None = None
    stage: Columns = Field(default_factory=lambda: ["stage"])
    started: Columns | None = None
    closed: Columns | None = None
    value: Columns | None = None
    currency: Columns | None = None
    reason: Columns | None = None
    phone: Columns | None = None
    email: Columns | None = None
    credit_code: Columns | None = None
    tags: Columns | None = None


class DealsMapping(HistoryShape):
    """A row per deal, as it stands now. `stages`: the file's word for the stage -> a stage's key, won or
    lost; words that are not there mean the stage of this name, or the usual.
    """

    shape: Literal["deals"]
    columns: DealColumns | None = None
    stages: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _stages_exist(self) -> DealsMapping:
        for word, key in self.stages.items():
            if key not in ("won", "lost"):
                self.check_stage(key, f"`stages` ({word})")
        return self


class CaseColumns(Fields):
    case: Columns = Field(default_factory=lambda: ["case"])
    activity: Columns = Field(default_factory=lambda: ["activity"])
    at: Columns = Field(default_factory=lambda: ["timestamp"])
    lifecycle: Columns | None = None
    person: Columns | None = None
    outcome: Columns | None = None
    duration_s: Columns | None = None
    name: Columns | None = None
    company: Columns | None = None
    product: Columns | None = None
    region: Columns | None = None
    channel: Columns | None = None
    origin: Columns | None = None
    campaign: Columns | None = None
    value: Columns | None = None


class EventRule(Part):
    """What a row of the log means, by its activity's name (`*` stands for anything); exactly one meaning."""

    activity: Annotated[list[str], Field(min_length=1)]
    lifecycle: str | None = None
    stage: Key | None = None
    outcome: Outcome | None = None
    reason: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]{0,62}$")] | None = None
    record: ActivityKind | None = None
    ignore: Literal[True] | None = None

    @field_validator("activity", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_meaning(self) -> EventRule:
        meanings = [self.stage, self.outcome, self.record, self.ignore]
        if sum(meaning is not None for meaning in meanings) != 1:
            raise ValueError("say exactly one of `stage`, `outcome`, `record` and `ignore: true`")
        if self.reason is not None and self.outcome != "lost":
            raise ValueError("`reason` belongs to `outcome: lost`")
        return self

    def matches(self, activity: str, lifecycle: str) -> bool:
        if self.lifecycle is not None and self.lifecycle != lifecycle:
            return False
        return any(fnmatch.fnmatchcase(activity, pattern) for pattern in self.activity)


class EventLogMapping(HistoryShape):
    """A row per event of a case. `events`: the first rule that matches says what a row means."""

    shape: Literal["event_log"]
    columns: CaseColumns = CaseColumns()
    events: Annotated[list[EventRule], Field(min_length=1, max_length=500)]
    _found: dict[tuple[str, str], EventRule | None] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _stages_exist(self) -> EventLogMapping:
        for rule in self.events:
            if rule.stage is not None:
                self.check_stage(rule.stage, "`events`")
        return self

    def rule_for(self, activity: str, lifecycle: str) -> EventRule | None:
        """What a row means. Logs repeat a few words hundreds of thousands of times, so answers are kept."""
        # Taken once: a model looks its private attributes up slowly.
        found, word = self._found, (activity, lifecycle)
        if word not in found and len(found) < 10_000:
            found[word] = self._searched(*word)
        return found[word] if word in found else self._searched(*word)

    def _searched(self, activity: str, lifecycle: str) -> EventRule | None:
        return next((rule for rule in self.events if rule.matches(activity, lifecycle)), None)


class OrgColumns(Fields):
    rep: Columns = Field(default_factory=lambda: ["rep"])
    code: Columns | None = None
    email: Columns | None = None
    team: Columns | None = None
    manager: Columns | None = None
    region: Columns | None = None


class OrgMapping(Shape):
    """A row per rep. Where no team is mapped, the reps of one manager are a team with the manager's name."""

    shape: Literal["org"]
    columns: OrgColumns | None = None


class LeadColumns(Fields):
    name: Columns = Field(default_factory=lambda: ["name"])
    phone: Columns | None = None
    email: Columns | None = None
    company: Columns | None = None
    credit_code: Columns | None = None
    wecom_id: Columns | None = None
    source: Columns | None = None
    channel: Columns | None = None
    campaign: Columns | None = None
    region: Columns | None = None
    product: Columns | None = None
    value: Columns | None = None
    currency: Columns | None = None
    tags: Columns | None = None
    owner: Columns | None = None
    external_id: Columns | None = None
    consent: Columns | None = None
    consent_how: Columns | None = None
    consent_at: Columns | None = None
    consent_evidence: Columns | None = None


class ConsentSpec(Part):
    """How the people of a file agreed, where no column says it, and the notice that they were shown."""

    how: Literal["form", "call", "message", "email", "paper", "partner"] | None = None
    notice_id: UUID | None = None
    notice_version: Annotated[int, Field(ge=1, le=1_000_000)] | None = None

    @model_validator(mode="after")
    def _names_a_version(self) -> ConsentSpec:
        if (self.notice_id is None) != (self.notice_version is None):
            raise ValueError("give a notice together with its version")
        return self


class LeadsMapping(Shape):
    """Live leads, a row each; several tags in one cell are separated by `;`. `custom`: custom fields by key,
    with their columns. `source` and a row's `external_id` (else what it says) tell rows that are known.
    """

    shape: Literal["leads"]
    source: Key = "file"
    columns: LeadColumns | None = None
    custom: Annotated[dict[CustomKey, Column], Field(max_length=200)] = Field(default_factory=dict)
    currency: Currency | None = None
    consent: ConsentSpec = ConsentSpec()

    def custom_columns(self) -> dict[str, str]:
        return self.custom


AnyMapping: TypeAlias = DealsMapping | EventLogMapping | OrgMapping | LeadsMapping
