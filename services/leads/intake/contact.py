"""Phones to E.164, e-mail addresses and company names to one spelling.

Pure; the text as given is kept elsewhere.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib import resources

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, ValidationResult

from shared.errors import Invalid

# What Chinese writes before an extension, and what the library knows.
_EXTENSION_WORDS = re.compile(r"\s*(?:转|轉|分机|分機|内线|內線)\s*[::]?\s*")
_EMAIL = re.compile(r"[^\s@<>(),;:\"\\\[\]]{1,64}@[^\s@<>(),;:\"\\\[\]_]{1,255}")
_LABEL = re.compile(r"(?!-)[^.]{1,63}(?<!-)")
# A mobile number written the Chinese way is read as such in every tenant, after the tenant's own region.
_SECOND_REGION = "CN"
_REGION_OF_CURRENCY = {
    "CNY": "CN",
    "USD": "US",
    "GBP": "GB",
    "JPY": "JP",
    "INR": "IN",
    "HKD": "HK",
    "TWD": "TW",
}
_LAST_REGION = "US"
_PLAIN_MOBILE = re.compile(r"(?P<country>\+86)? ?(?P<number>1[3-9][0-9]{9})")
_CHINA = 86
_CHINESE_MOBILE = re.compile(r"1[3-9]")


class BadPhone(Invalid):
    code = "bad_phone"
    title = "Not a phone number"


class BadEmail(Invalid):
    code = "bad_email"
    title = "Not an e-mail address"


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


def normalised_email(text: str) -> str:
    """Lower case, compatibility forms unified. Raises BadEmail."""
    plain = unicodedata.normalize("NFKC", text).strip()
    domain = plain.rpartition("@")[2]
    labels = domain.split(".")
    if len(plain) > 254 or not _EMAIL.fullmatch(plain) or len(labels) < 2:
        raise BadEmail("an e-mail address looks like name@example.com")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise BadEmail("the part after @ is no domain name")
    return plain.lower()


def normalised_company(text: str) -> str:
    """One spelling for comparing: compatibility forms unified, lower case, without spaces and punctuation."""
    folded = unicodedata.normalize("NFKC", text).lower()
    return "".join(c for c in folded if unicodedata.category(c)[0] in {"L", "N"})


def region_of(timezone: str, currency: str) -> str:
    """Where national numbers belong: the country of the tenant's zone, else of its currency, else the US."""
    return _countries().get(timezone) or _REGION_OF_CURRENCY.get(currency, _LAST_REGION)


@cache
def _countries() -> dict[str, str]:
    """IANA's own table: the country of each zone that lies in one."""
    table = resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))
    return {row[2]: row[0] for row in rows}
