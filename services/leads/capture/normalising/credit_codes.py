"""The unified social credit code of a Chinese organisation (统一社会信用代码, GB 32100). Pure."""

from __future__ import annotations

import unicodedata

from shared.errors import Invalid

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_LENGTH = 18
_WEIGHTS = tuple(pow(3, at, 31) for at in range(_LENGTH - 1))
_REGION = slice(2, 8)
_BETWEEN = str.maketrans("", "", " -\u3000")


class BadCreditCode(Invalid):
    code = "bad_credit_code"
    title = "Not a unified social credit code"


def normalised_credit_code(text: str) -> str:
    """18 characters in upper case, full width read as half. Raises BadCreditCode.

    Nothing is put right: of a code that does not match nobody knows which of its characters is the wrong one.
    """
    plain = unicodedata.normalize("NFKC", text).upper().translate(_BETWEEN)
    if len(plain) != _LENGTH:
        raise BadCreditCode(f"a unified social credit code has {_LENGTH} characters, this has {len(plain)}")
    for place, character in enumerate(plain, 1):
        if character not in _VALUES:
            raise BadCreditCode(f"character {place} is none of {_ALPHABET}; I, O, S, V and Z never occur")
    if not plain[_REGION].isdigit():
        raise BadCreditCode("characters 3 to 8 are a region's number, six digits")
    if check_character(plain[:-1]) != plain[-1]:
        raise BadCreditCode("the last character, which checks the others, does not match them")
    return plain


def check_character(first: str) -> str:
    """The character that checks these 17 of the alphabet."""
    total = sum(_VALUES[character] * weight for character, weight in zip(first, _WEIGHTS, strict=True))
    return _ALPHABET[-total % 31]
