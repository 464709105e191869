"""Which digits make a phone number: China's numbering plan by itself, all others by the library. Pure.

Service numbers (95588, 12345, 10086) and those of 400 and 800 cannot be dialled from abroad; they are stored
as the others, `+86` before the digits, so that one spelling serves comparing, finding and masking.
"""

from __future__ import annotations

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, ValidationResult

# A Chinese number is read as such in every tenant, after the tenant's own region.
_CHINA = "CN"
_CHINA_CODE = 86
# Of any number, with what is dialled before it.
_FEWEST, _MOST = 5, 19
_ALLOWED = re.compile(r"[(\[ ]*\+?[\d().\-\[\] ]*\d[)\] ]*")
_MOBILE = re.compile(r"1[3-9]\d{9}")
_LIKE_MOBILE = re.compile(r"0?1[3-9]\d{6,}")
_WITHOUT_AREA = re.compile(r"[2-8]\d{6,7}")
_OF_CHINA = re.compile(
    r"""
    1[3-9]\d{9}        # mobile
    | [48]00\d{7}      # shared cost and free of charge
    | 95\d{3} | 95\d{4} | 951\d{5}  # nationwide services
    | 96\d{3,4}        # services of a province
    | 12\d{3} | 100\d\d             # hotlines of the state and of the carriers
    """,
    re.VERBOSE,
)


def e164_of(text: str, region: str) -> str | None:
    """The number, nationally written as in `region` or else as in China; None if it is none."""
    if not _ALLOWED.fullmatch(text):
        return None
    digits = re.sub(r"\D", "", text)
    if not _FEWEST <= len(digits) <= _MOST:
        return None
    if "+" in text or digits.startswith("00"):
        return _international(digits.removeprefix("00"))
    if region == _CHINA:
        return _chinese(digits) or _listed(text, _CHINA)
    return _listed(text, region) or _chinese(digits) or _listed(text, _CHINA)


def why_not(text: str, region: str) -> str:
    """What is wrong with a text that is no number: goes on after "it" or "number 2 of 3"."""
    digits = re.sub(r"\D", "", text)
    if not digits:
        return "has no digits"
    if not _ALLOWED.fullmatch(text):
        return f"has signs that belong to no number, beside {len(digits)} digits"
    if region == _CHINA and "+" not in text:
        if _LIKE_MOBILE.fullmatch(digits):
            return f"has {len(digits)} digits; a mobile number has 11"
        if _WITHOUT_AREA.fullmatch(digits):
            return f"has {len(digits)} digits; a landline needs its area code, as in 021-6234 5678"
    return (
        f"has {len(digits)} digits and is no number of {region};"
        " write it with the country's code, such as +86 138 0013 8000"
    )


def _international(digits: str) -> str | None:
    if digits.startswith(str(_CHINA_CODE)):
        national = digits[2:]
        return _chinese(national) or _listed(f"+{digits}", _CHINA)
    number = _parsed(f"+{digits}", None)
    # A right length is enough: ranges open before any list knows.
    if number and phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE:
        return phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return None


def _chinese(digits: str) -> str | None:
    """What the plan says without any list: not landlines. With the trunk's 0 or a bare 86 before it, too."""
    for national in (digits, digits.removeprefix("0"), digits.removeprefix("86")):
        if _OF_CHINA.fullmatch(national) and (national == digits or _MOBILE.fullmatch(national)):
            return f"+{_CHINA_CODE}{national}"
    return None


def _listed(text: str, region: str) -> str | None:
    """A number of the lists."""
    number = _parsed(text, region)
    if number is None or number.extension or not phonenumbers.is_valid_number(number):
        return None
    if number.country_code == _CHINA_CODE and _LIKE_MOBILE.match(str(number.national_number)):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _parsed(text: str, region: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException:
        return None
