"""What a file's words for stages mean: the pipeline's own names, and what everybody says for won and lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from services.gateway.imports.headings.folding import folded, letters
from services.gateway.imports.mapping import DealsMapping

OPEN = ""
"""A deal that is open, and nobody says in which stage."""
_WON = """
    won / 赢单 / 成交 / 已成交 / 已赢单 / 成单 / 已成单 / 签约 / 已签约 / 签单 / 已签单 / 成功 / 已完成 /
    已付款 / closed won / win / success
"""
_LOST = """
    lost / 输单 / 已输单 / 丢单 / 已丢单 / 流失 / 已流失 / 失败 / 战败 / 已战败 / 未成交 / 放弃 /
    closed lost / lose / failed / dead
"""
_GOING_ON = """
    open / 跟进中 / 进行中 / 跟进 / 新建 / 新线索 / 待跟进 / 处理中 / 未完成 / 洽谈中 / in progress /
    new / active / pending
"""
_USUAL = {"won": _WON, "lost": _LOST, OPEN: _GOING_ON}


def stage_words(stages: Iterable[tuple[str, str]]) -> dict[str, str]:
    """{folded word: key} of a pipeline's (key, name) and of what is usual; the pipeline's own words first.

    A name in two languages (`谈判 Negotiation`) is known by each of them.
    """
    words = {folded(word).name: key for key, usual in _USUAL.items() for word in usual.split("/")}
    own: dict[str, str] = {}
    for key, name in stages:
        for word in (key, name, *name.split()):
            own.setdefault(folded(word).name, key)
    return words | {word: key for word, key in own.items() if letters(word)}


def stage_of(word: str, mapping: DealsMapping, words: Mapping[str, str]) -> str | None:
    """The stage's key, won, lost or OPEN; None where the word means nothing."""
    if word in mapping.stages:
        return mapping.stages[word]
    if mapping.pipeline is not None and word in mapping.pipeline.stage_keys:
        return word
    return words.get(folded(word).name)
