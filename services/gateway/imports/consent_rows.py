"""What a row says that its person agreed to, in the words that people write."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from services.gateway.imports.mapping import ConsentSpec
from services.gateway.imports.rules import Fields, RowError
from services.gateway.imports.values.dates import UnclearDate, read_date

_BETWEEN = re.compile("[;；、|,，/]")
_ALL: Final = ("contact", "marketing", "profiling", "sharing")


def _words(said: dict[str, str]) -> dict[str, str]:
    return {word: meant for meant, words in said.items() for word in (meant, *words.split())}


_PURPOSES = _words({
    "contact": "联系 可联系 同意联系 允许联系 同意 已同意 是 yes y true agreed √ ✓",
    "marketing": "营销 推广 营销推广 广告 advertising",
    "profiling": "画像 用户画像 评分 自动化决策 scoring",
    "sharing": "共享 分享 第三方共享 数据共享",
})  # fmt: skip
_EVERYTHING = frozenset({"全部", "所有", "all"})
_NOTHING = frozenset({"否", "不同意", "未同意", "无", "no", "n", "false", "none", "×", "✗"})
_HOWS = _words({
    "form": "表单 线上表单 网页表单 在线表单 web online",
    "call": "电话 通话 phone",
    "message": "短信 微信 企业微信 消息 sms wechat",
    "email": "邮件 电子邮件 e-mail mail",
    "paper": "纸质 书面 现场签署 签字 written signed",
    "partner": "合作方 合作伙伴 渠道 经销商 dealer",
})  # fmt: skip


def consent_of(fields: Fields, given: ConsentSpec, zone: ZoneInfo, now: datetime) -> dict[str, Any] | None:
    """What they agreed to, as `POST /v1/leads` takes it; None: to nothing that the row says.

    `given`: what holds for the whole file.

    :raises RowError: a word that is not known, no word on how they said it, or a date that is none.
    """
    if "consent" not in fields:
        if "consent_at" in fields:
            raise RowError("consent", "missing_value", "it says when they agreed, and not to what")
        return None
    purposes = _purposes(fields["consent"])
    if not purposes:
        return None
    found: dict[str, Any] = {"purposes": purposes, "how": _how(fields, given)}
    if "consent_at" in fields:
        found["at"] = _moment(fields["consent_at"], zone, now).isoformat()
    if "consent_evidence" in fields:
        found["evidence"] = fields["consent_evidence"]
    if given.notice_id is not None:
        found |= {"notice_id": str(given.notice_id), "notice_version": given.notice_version}
    return found


def _purposes(text: str) -> list[str]:
    words = [word for part in _BETWEEN.split(_plain(text)) if (word := part.strip())]
    if len(words) == 1 and words[0] in _NOTHING:
        return []
    if len(words) == 1 and words[0] in _EVERYTHING:
        return list(_ALL)
    for word in words:
        if word not in _PURPOSES:
            expected = "contact (联系, 是), marketing (营销), profiling (画像), sharing (共享), 否 or nothing"
            raise RowError("consent", "bad_consent", f"{word[:60]!r} is nothing to agree to; {expected}")
    return list(dict.fromkeys(_PURPOSES[word] for word in words))


def _how(fields: Fields, given: ConsentSpec) -> str:
    text = fields.get("consent_how")
    if text is None:
        if given.how is None:
            said = "say how: in a column (同意方式), or for all by `consent: {how: form}` of a mapping"
            raise RowError("consent_how", "missing_value", said)
        return given.how
    if (how := _HOWS.get(_plain(text))) is None:
        expected = "form (表单), call (电话), message (短信), email (邮件), paper (纸质) or partner (合作方)"
        raise RowError("consent_how", "bad_consent", f"{text[:60]!r} is no way to agree; {expected}")
    return how


def _moment(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """A day is its noon, as everywhere; today's, before noon, is now: nobody agrees later than that."""
    try:
        found = read_date(text)
    except UnclearDate as error:
        raise RowError("consent_at", "bad_date", f"{text[:60]!r}: {error}") from None
    if isinstance(found, datetime):
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    noon = datetime.combine(found, time(12), zone).astimezone(UTC)
    return min(noon, now) if found == now.astimezone(zone).date() else noon


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()
