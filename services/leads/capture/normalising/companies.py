"""Names of companies, for comparing: what is left of one without its legal form. Pure.

A branch (分公司) is another company than the one it belongs to, and a group (集团) another than a company of
its name: both stay different here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from services.leads.capture.normalising.texts import folded

_BRANCH_MARK = "/"
_LEAST_NAME = 2
_CHINESE_FORMS = ("股份有限公司", "有限责任公司", "责任有限公司", "有限公司", "股份公司")
_CHINESE_ENDS = (*_CHINESE_FORMS, "总公司", "公司", "股份")
_JAPANESE_FORMS = ("株式会社", "有限会社", "合同会社", "合资会社")
_ANY_FORM = re.compile("|".join((*_CHINESE_FORMS, *_JAPANESE_FORMS, "주식회사")))
_WHOLE_COMPANY = re.compile(f"{_ANY_FORM.pattern}|公司|集团")
_SHORT_FORM = re.compile(r"\((?:株|有|주|유)\)")
_BRANCH = re.compile(
    "(?:中心支公司|支公司|分公司|子公司|分行|支行|营业部|营业厅|办事处|代表处|分店|分厂|分社|分部|事业部)$"
)
_LATIN_BRANCHES = frozenset({"branch", "subsidiary", "division"})
_LATIN_FORMS = frozenset((
    "ab", "ag", "ao", "aps", "as", "bhd", "bv", "co", "company", "coltd", "corp", "corporation", "gmbh",
    "inc", "incorporated", "kg", "kgaa", "kk", "limited", "llc", "llp", "lp", "ltd", "ltda", "mbh", "nv",
    "ohg", "ooo", "oy", "oyj", "plc", "pte", "pty", "pvt", "sa", "sarl", "sas", "sdn", "se", "spa", "spzoo",
    "srl", "ug", "zrt",
))  # fmt: skip
# G.m.b.H., S.A.: letters with a dot each are one word.
_DOTTED = re.compile(r"(?<=\b\w)\.(?=\w\b)|(?<=\b\w)\.(?!\w)")
_LAST_LATIN = 0x24F


def company_core(text: str) -> str:
    """The name without its legal form, spaces and punctuation; empty where it has no letter and no digit.

    Traditional and simplified, full and half width, `&` and `and` are one. What makes it a branch stands
    behind a `/`: `腾讯科技(深圳)有限公司北京分公司` -> `腾讯科技深圳/北京分公司`.
    """
    head, branch = _parted(_words(text))
    core = _without_forms(head)
    tail = "".join(branch)
    return f"{core}{_BRANCH_MARK}{tail}" if core and tail else core or tail


def branch_of(core: str) -> str:
    """What makes a `company_core` a branch, or nothing: two names with different ones are two companies."""
    return core.partition(_BRANCH_MARK)[2]


def _words(text: str) -> list[str]:
    plain = _SHORT_FORM.sub(" ", _plain_latin(folded(text))).replace("&", " and ")
    plain = _DOTTED.sub("", plain)
    words = "".join(c if unicodedata.category(c)[0] in "LN" else " " for c in plain).split()
    return words[1:] if len(words) > 1 and words[0] == "the" else words


def _plain_latin(text: str) -> str:
    """Latin letters without their accents; of other scripts the marks are a part of the letter."""
    if text.isascii():
        return text
    return "".join(unicodedata.normalize("NFKD", c)[0] if ord(c) <= _LAST_LATIN else c for c in text)


def _parted(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The company's words and those of its branch."""
    if len(words) > 1 and words[-1] in _LATIN_BRANCHES:
        forms = [at for at, word in enumerate(words[:-1]) if at and word in _LATIN_FORMS]
        cut = forms[-1] + 1 if forms else len(words) - 1
        return list(words[:cut]), list(words[cut:])
    joined = "".join(words)
    found = _BRANCH.search(joined)
    if found is None or found.start() == 0:
        return list(words), []
    forms = [form.end() for form in _WHOLE_COMPANY.finditer(joined, 0, found.start())]
    cut = forms[-1] if forms else found.start()
    return [joined[:cut]], [joined[cut:]]


def _without_forms(words: Sequence[str]) -> str:
    kept = list(words)
    while len(kept) > 1 and (kept[-1] in _LATIN_FORMS or kept[-1] == "and"):
        kept.pop()
    whole = "".join(kept)
    return _without_ends(_ANY_FORM.sub("", whole)) or whole


def _without_ends(name: str) -> str:
    for end in _CHINESE_ENDS:
        if name.endswith(end) and len(name) - len(end) >= _LEAST_NAME:
            return name.removesuffix(end)
    return name
