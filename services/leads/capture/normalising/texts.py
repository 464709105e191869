"""One spelling of any text: width, case, traditional and simplified characters, spaces. Pure."""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib import resources

import orjson


@cache
def _simplified() -> dict[int, str]:
    """Traditional to simplified, character by character, so that a part of a text converts as the whole
    does.
    """
    # The library's own loader leaves its file open.
    table = orjson.loads(resources.files("zhconv").joinpath("zhcdict.json").read_bytes())["zh2Hans"]
    return {ord(old): new for old, new in table.items() if len(old) == 1 and len(new) == 1}


def folded(text: str) -> str:
    """Compatibility forms unified, simplified characters, lower case, single spaces, also for controls."""
    if text.isascii():
        # What most texts are: nothing to unify, and nothing to simplify.
        plain = text.lower()
    else:
        plain = unicodedata.normalize("NFKC", text).translate(_simplified()).lower()
        plain = unicodedata.normalize("NFKC", plain)
    if not plain.isprintable():
        plain = "".join(" " if unicodedata.category(c) in {"Cc", "Cf", "Cs"} else c for c in plain)
    return " ".join(plain.split())
