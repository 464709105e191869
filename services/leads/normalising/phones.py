"""Phones to E.164.

Pure; the text as given is kept elsewhere.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, ValidationResult

from shared.errors import Invalid

# What Chinese writes before an extension, and what the library knows.
_EXTENSION_WORDS = re.compile(r"\s*(?:转|轉|分机|分機|内线|內線)\s*[::]?\s*")
# A mobile number written the Chinese way is read as such in every tenant, after the tenant's own region.
_SECOND_REGION = "CN"
_PLAIN_MOBILE = re.compile(r"(?P<country>\+86)? ?(?P<number>1[3-9][0-9]{9})")
_CHINA = 86
_CHINESE_MOBILE = re.compile(r"1[3-9]")


class BadPhone(Invalid):
    code = "bad_phone"
    title = "Not a phone number"


@dataclass(frozen=True, slots=True)
class Phone:
    """`e164` like `+8613800138000`; `extension` digits or None."""

    e164: str
    extension: str | None

    @property
    def key(self) -> str:
        """What two numbers must share to be the same line."""
        return f"{self.e164};ext={self.extension}" if self.extension else self.e164


def normalised_phone(text: str, region: str) -> Phone:
    """Read a number as written, nationally as in `region` (ISO 3166). Raises BadPhone."""
    plain = _EXTENSION_WORDS.sub(" ext. ", unicodedata.normalize("NFKC", text)).strip()
    if plain.startswith("00"):
        plain = "+" + plain[2:]
    mobile = _PLAIN_MOBILE.fullmatch(plain)
    if mobile and (mobile["country"] or region == "CN"):
        # What most numbers look like, read without the library: a tenth of the time.
        return Phone(f"+86{mobile['number']}", None)
    for candidate in dict.fromkeys((region, _SECOND_REGION)):
        number = _parsed(plain, candidate)
        if number is not None and _plausible(number, international=plain.startswith("+")):
            return Phone(phonenumbers.format_number(number, PhoneNumberFormat.E164), number.extension or None)
    raise BadPhone(f"not a number of {region}; write it with the country's code, such as +86 138 0013 8000")


def _parsed(text: str, region: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException:
        return None


def _plausible(number: PhoneNumber, *, international: bool) -> bool:
    """With its country's code a number need only have a right length: ranges open before any list knows."""
    if number.country_code == _CHINA and _CHINESE_MOBILE.match(str(number.national_number)):
        return len(str(number.national_number)) == 11
    if international:
        return phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    return phonenumbers.is_valid_number(number)


def normalised_phones(text: str, region: str) -> tuple[Phone, ...]:
    """All numbers of one cell, in its order and each once; at least one. Raises BadPhone."""
    return (normalised_phone(text, region),)


def phone_of_key(key: str) -> Phone:
    """The phone of this `key`."""
    e164, _, extension = key.partition(";ext=")
    return Phone(e164, extension or None)
