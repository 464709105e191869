"""Whether what somebody wrote says whom a lead is about. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from services.leads.capture.intake.lead import Lead

SHORTEST_WORD, OF_A_NUMBER = 2, 7
FORGOTTEN = "(erased)"
_TEST = re.compile(r"\w{1,40}[=~<>]+")


def names_person(text: str, lead: Lead, formerly: Iterable[str] = ()) -> bool:
    """Whether a text holds a name, a number or an address that a lead's person has, or had `formerly`."""
    digits = "".join(c for c in text if c.isdigit())
    words = [word for word in (lead.name, lead.email, lead.email_text, lead.wecom_id, *formerly) if word]
    numbers = ["".join(c for c in word if c.isdigit()) for word in formerly]
    numbers += [phone.split(";")[0].lstrip("+") for phone in lead.phone_keys]
    known = [number[-OF_A_NUMBER:] for number in numbers if len(number) >= OF_A_NUMBER]
    return any(_says(text, word) for word in words) or any(number in digits for number in known)


def without_person(said: Any, people: Sequence[tuple[Lead, Sequence[str]]]) -> Any:
    """JSON in which `FORGOTTEN` stands for each text that names somebody: leads with what they had before."""
    match said:
        case str():
            return _forgotten(said) if any(names_person(said, *one) for one in people) else said
        case list():
            return [without_person(each, people) for each in said]
        case dict():
            return {name: without_person(each, people) for name, each in said.items()}
    return said


def _forgotten(said: str) -> str:
    """What a custom field is held against is forgotten, not which field: the filter is still one."""
    test = _TEST.match(said)
    return f"{test[0] if test else ''}{FORGOTTEN}"


def _says(text: str, word: str) -> bool:
    """Whether a text has a word of two characters or more, not as a part of a longer one of Latin letters."""
    if len(word) < SHORTEST_WORD:
        return False
    alone = rf"(?<![a-z]){re.escape(word.casefold())}(?![a-z])"
    return re.search(alone, text.casefold()) is not None
