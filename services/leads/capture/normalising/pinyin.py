"""Chinese names as they are typed on a Latin keyboard: 王伟 as `wangwei` and `ww`. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from itertools import islice, product

import orjson

from services.leads.capture.normalising.texts import folded

_FIRST, _LAST = 0x4E00, 0x9FFF
_SPELLINGS = 4
"""Of one name."""
_LONGEST = 40
# Read in another way as a surname, or in the names of places and companies. The table's own further readings
# are mostly those of old books: a lead would be found by what nobody types.
_ALSO = {
    "曾": "zeng", "单": "shan", "解": "xie", "仇": "qiu", "区": "ou", "查": "zha", "盖": "ge",
    "尉": "yu", "朴": "piao", "缪": "miao", "翟": "zhai", "覃": "qin", "乐": "yue", "召": "shao",
    "洗": "xian", "秘": "bi", "繁": "po", "员": "yun", "黑": "he", "折": "she", "能": "nai",
    "种": "chong", "重": "chong", "长": "chang", "行": "hang", "厦": "xia", "都": "du", "会": "kuai",
    "蚌": "beng", "六": "lu", "佛": "fo", "番": "pan", "泌": "bi", "什": "shi", "传": "zhuan",
}  # fmt: skip


@cache
def _readings() -> dict[str, tuple[str, ...]]:
    """Syllables without tones by character, the usual one first; ü is typed as v."""
    # The table alone: the library itself would bring a dictionary of phrases, and much memory.
    table = orjson.loads(resources.files("pypinyin").joinpath("pinyin_dict.json").read_bytes())
    shared: dict[tuple[str, ...], tuple[str, ...]] = {}
    found: dict[str, tuple[str, ...]] = {}
    for point, spelled in table.items():
        if _FIRST <= int(point) <= _LAST:
            character, usual = chr(int(point)), _toneless(spelled.partition(",")[0])
            ways = tuple(dict.fromkeys((usual, _ALSO.get(character, usual))))
            found[character] = shared.setdefault(ways, ways)
    return found


def _toneless(syllable: str) -> str:
    letters = unicodedata.normalize("NFD", syllable).replace("u\u0308", "v")
    return "".join(letter for letter in letters if letter.isascii())


def typed(name: str | None, company: str | None) -> str:
    """How a person and a company are typed, as words: a person's name whole and by its initials, a company's
    by its initials. Empty where nothing in them is Chinese.
    """
    if (name or "").isascii() and (company or "").isascii():
        return ""
    words = [*_spellings(name, "".join), *_spellings(name, _initials), *_spellings(company, _initials)]
    return " ".join(dict.fromkeys(words))


def _initials(syllables: Sequence[str]) -> str:
    return "".join(syllable[0] for syllable in syllables)


def _spellings(text: str | None, spelled: Callable[[Sequence[str]], str]) -> list[str]:
    if text is None:
        return []
    known = _readings()
    readings = [known[character] for character in folded(text) if character in known][:_LONGEST]
    if not readings:
        return []
    # The first characters are read in all of their ways before the last ones are: surnames stand there.
    ways = islice(product(*reversed(readings)), _SPELLINGS)
    return list(dict.fromkeys(spelled(way[::-1]) for way in ways))
