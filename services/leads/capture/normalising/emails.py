"""E-mail addresses to one spelling. Pure; the text as given is kept elsewhere."""

from __future__ import annotations

import re
import unicodedata

from shared.errors import Invalid

_EMAIL = re.compile(r"[^\s@<>(),;:\"\\\[\]]{1,64}@[^\s@<>(),;:\"\\\[\]_]{1,255}")
_NAMED = re.compile(r"[^<>@]*<(?P<address>[^<>]+)>")
_USUAL = re.compile(
    r"[a-z0-9._+-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?",
    re.IGNORECASE | re.ASCII,
)
_LONGEST = 254
_LABEL = re.compile(r"(?!-)[^.]{1,63}(?<!-)")


class BadEmail(Invalid):
    code = "bad_email"
    title = "Not an e-mail address"


def normalised_email(text: str) -> str:
    """Lower case, compatibility forms unified, also out of `Li <li@example.com>`. Raises BadEmail."""
    if _USUAL.fullmatch(text) and len(text) <= _LONGEST:
        # What most addresses look like, read at once.
        return text.lower()
    plain = unicodedata.normalize("NFKC", text).replace("。", ".").strip()
    named = _NAMED.fullmatch(plain)
    plain = (named["address"] if named else plain).removeprefix("mailto:")
    if plain.count("@") > 1:
        raise BadEmail("more than one @; give one address")
    domain = plain.rpartition("@")[2]
    labels = domain.split(".")
    if len(plain) > _LONGEST or not _EMAIL.fullmatch(plain) or len(labels) < 2:
        raise BadEmail("an e-mail address looks like name@example.com")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise BadEmail("the part after @ is no domain name")
    return plain.lower()
