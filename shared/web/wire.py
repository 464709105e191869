"""Types of what crosses the wire: what cannot be stored, or would fool a reader, is refused here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, cached_property
from typing import Annotated, Any, Self, TypeVar, get_args
from uuid import UUID

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from shared.errors import CoxError, Invalid
from shared.money import CURRENCIES, Money, decimals_of, to_minor
from shared.web.bodies import refuse_unstorable
from shared.web.field_errors import field_errors

INT64_MAX = 2**63 - 1
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)

# Controls, and the marks that make text read in another order than it is written in.
_INVISIBLE = r"\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff"
_LINE = rf"^[^\u0000-\u001f{_INVISIBLE}]*$"
_LINES = rf"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f{_INVISIBLE}]*$"
_IN_LINE, _IN_LINES = re.compile(_LINE), re.compile(_LINES)
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


_BAD_CHARACTERS = "Contains control or direction-changing characters"


def _matching(text: CoreSchema, pattern: str, error: str, message: str) -> CoreSchema:
    # Compared by the validator's own means: a function in Python costs three times as much.
    compared = core_schema.str_schema(strict=True, pattern=pattern)
    named = core_schema.custom_error_schema(compared, error, custom_error_message=message)
    return core_schema.chain_schema([text, named])


class WireModel(BaseModel):
    """A request or response body: unknown fields refused, nothing converted silently ("1" is no number)."""

    # Errors are logged; what people typed is not.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Text:
    """Marks a `str` as text a person wrote: `note: Annotated[str, Text(4000)]`. Lengths in characters.

    Leading and trailing white space is removed; control and bidirectional-override characters are refused.
    """

    max_length: int
    min_length: int = 1
    lines: bool = True

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _matching(self._bounds(), _LINES if self.lines else _LINE, "bad_characters", _BAD_CHARACTERS)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(self._bounds()) | {"pattern": _LINES if self.lines else _LINE}

    def _bounds(self) -> CoreSchema:
        return core_schema.str_schema(
            strict=True, strip_whitespace=True, min_length=self.min_length, max_length=self.max_length
        )


def Line(max_length: int, min_length: int = 1) -> Text:  # noqa: N802 - reads as the type it makes
    """One line of text: `name: Annotated[str, Line(200)]`."""
    return Text(max_length, min_length, lines=False)


def _id(value: object) -> object:
    if isinstance(value, str):
        if not _UUID.fullmatch(value):
            raise PydanticCustomError(
                "bad_id", "Not an id: a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057"
            )
        return UUID(value)
    return value


def _timestamp(value: object) -> object:
    if isinstance(value, str):
        if not _RFC3339.fullmatch(value):
            raise PydanticCustomError(
                "bad_time", "Not an RFC 3339 time with a zone, such as 2026-03-01T09:30:00Z"
            )
        value = _parsed(datetime.fromisoformat, value[:10] + "T" + value[11:].upper())
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise PydanticCustomError("bad_time", "A time needs a zone")
        if not EARLIEST <= value < LATEST:
            raise PydanticCustomError("bad_time", "A time lies in the years 1900 to 2199")
        return value.astimezone(UTC)
    return value


def _day(value: object) -> object:
    if isinstance(value, str):
        if not _DATE.fullmatch(value):
            raise PydanticCustomError("bad_date", "Not a date such as 2026-03-01")
        value = _parsed(date.fromisoformat, value)
    if isinstance(value, date) and not isinstance(value, datetime) and not 1900 <= value.year < 2200:
        raise PydanticCustomError("bad_date", "A date lies in the years 1900 to 2199")
    return value


P = TypeVar("P")


def _parsed(parse: Callable[[str], P], text: str) -> P:
    try:
        return parse(text)
    except ValueError as error:
        raise PydanticCustomError("bad_value", "No such time or date") from error


Id = Annotated[UUID, Strict(), BeforeValidator(_id), WithJsonSchema({"type": "string", "format": "uuid"})]
"""A UUID in its canonical form."""
Timestamp = Annotated[
    datetime, Strict(), BeforeValidator(_timestamp), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""An RFC 3339 time with a zone, in UTC once it is here; 1900 to 2199, so that every zone can show it."""
Day = Annotated[date, Strict(), BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
"""A date (`2026-03-01`), 1900 to 2199; its zone is the tenant's."""
Int64 = Annotated[int, Strict(), Field(ge=-INT64_MAX - 1, le=INT64_MAX)]
"""What a bigint column holds."""
Seconds = Annotated[int, Strict(), Field(ge=0, le=366 * 86_400)]
"""A duration in seconds, at most a year."""
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$")]
"""A machine's name for something: `new`, `price_too_high`."""
Currency = Annotated[
    str, Field(pattern="^[A-Z]{3}$"), WithJsonSchema({"type": "string", "enum": sorted(CURRENCIES)})
]


_AMOUNT = r"^[0-9]{1,15}(\.[0-9]{1,4})?$"
_SURE_DIGITS = 14
"""Before the point: with the four decimals that a currency may have they fit into 64 bits."""
_BAD_AMOUNT = "A decimal number such as 12000.00: digits and a point only, 1.2万 is 12000"


class _Amount:
    """Marks a `str` as an amount in figures."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _matching(core_schema.str_schema(strict=True), _AMOUNT, "bad_format", _BAD_AMOUNT)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "pattern": _AMOUNT}


class MoneyIn(WireModel):
    """Money as it is sent: a decimal string, at most 15 digits before the point, and an ISO 4217 currency."""

    amount: Annotated[str, _Amount()]
    currency: Currency

    @model_validator(mode="after")
    def _is_money(self) -> Self:
        # A few digits behind the point, as the currency has them, and not too many before: that is most.
        before, _, behind = self.amount.partition(".")
        if len(behind) <= CURRENCIES.get(self.currency, -1) and len(before) <= _SURE_DIGITS:
            return self
        try:
            to_minor(self.money())
        except CoxError as error:
            raise PydanticCustomError("bad_money", "{detail}", {"detail": error.detail}) from None
        return self

    @cached_property
    def _money(self) -> Money:
        return Money.of(self.amount, self.currency)

    def money(self) -> Money:
        return self._money


class MoneyOut(WireModel):
    """Money as it is answered, with the currency's own number of decimals."""

    amount: str
    currency: str

    @classmethod
    def of(cls, money: Money) -> MoneyOut:
        step = Decimal(1).scaleb(-decimals_of(money.currency))
        return cls(amount=str(money.amount.quantize(step)), currency=money.currency)


def _scalar(value: object) -> object:
    # Said once: a union would say what each of its members misses, under names that the caller never wrote.
    if value is not None and not isinstance(value, str | int | float):
        raise PydanticCustomError("wrong_type", "A custom field is a text, a number, true, false or null")
    return value


def _storable(value: Any) -> Any:
    if isinstance(value, str) and not _IN_LINES.fullmatch(value):
        raise PydanticCustomError("bad_characters", _BAD_CHARACTERS)
    if isinstance(value, int) and not -INT64_MAX - 1 <= value <= INT64_MAX:
        raise PydanticCustomError("number_too_large", "A whole number has at most 64 bits")
    return value


Scalar = Annotated[str | int | float | bool | None, BeforeValidator(_scalar)]
ScalarIn = Annotated[Scalar, AfterValidator(_storable)]
"""One of what users add of their own."""
SCALARS_MAX_BYTES = 8 * 1024


def _scalars(value: dict[str, Any]) -> dict[str, Any]:
    for name, item in value.items():
        if not 1 <= len(name) <= 64:
            raise PydanticCustomError("bad_name", "A custom field's name has 1 to 64 characters")
        if not _IN_LINE.fullmatch(name):
            raise PydanticCustomError("bad_characters", _BAD_CHARACTERS)
        _storable(item)
    if len(orjson.dumps(value)) > SCALARS_MAX_BYTES:
        raise PydanticCustomError("too_long", "Custom fields have at most 8 KiB together")
    return value


Scalars = Annotated[dict[str, Scalar], AfterValidator(_scalars)]
"""An object of scalars, at most 8 KiB: what users add of their own."""


def chosen_by(name: str, *models: type[WireModel]) -> WrapValidator:
    """Of several models the one that a field of one word says; for a union with this discriminator.

    `Action = Annotated[Tag | Move, Field(discriminator="do"), chosen_by("do", Tag, Move)]`. Pointers to what
    is wrong are then those of the request: pydantic's own name the model, too.
    """
    by_word = {get_args(model.model_fields[name].annotation)[0]: model for model in models}

    def choose(value: object, as_usual: ValidatorFunctionWrapHandler) -> object:
        word = value.get(name) if isinstance(value, dict) else None
        model = by_word.get(word) if isinstance(word, str) else None
        return as_usual(value) if model is None else model.model_validate(value)

    return WrapValidator(choose)


M = TypeVar("M", bound=BaseModel)


def parse(model: type[M], value: object, pointer: str = "") -> M:
    """One item of a batch as its model. Raises Invalid, its pointers beginning with `pointer`."""
    refuse_unstorable(value, pointer)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found = field_errors(
            error.errors(include_url=False, include_input=False, include_context=False), pointer
        )
        raise Invalid(f"{len(found)} of the fields are not as they should be", errors=found) from None


def parse_each(model: type[M], values: Sequence[object]) -> list[M | CoxError]:
    """Several items, each by itself: its model, or Invalid, whose pointers begin at the item."""
    with suppress(Invalid, ValidationError):
        refuse_unstorable(values)
        return list(_several(model).validate_python(values))
    return [_or_error(model, value) for value in values]


@cache
def _several(model: type[M]) -> TypeAdapter[list[M]]:
    return TypeAdapter(list[model])  # type: ignore[valid-type]


def _or_error(model: type[M], value: object) -> M | CoxError:
    try:
        return parse(model, value)
    except CoxError as error:
        return error


def to_json(value: BaseModel | Mapping[str, Any]) -> bytes:
    """UTF-8 JSON of an answer."""
    if isinstance(value, BaseModel):
        return value.__pydantic_serializer__.to_json(value)
    return orjson.dumps(value)
