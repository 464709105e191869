"""The id that WeCom (企业微信) gives an outside contact: `external_userid`. Pure."""

from __future__ import annotations

import re

from shared.errors import Invalid

# Of an outside contact it begins with wm (a WeChat user) or wo (a WeCom user); letters count as they are.
_EXTERNAL = re.compile(r"w[mo][A-Za-z0-9_-]{8,62}")


class BadWecomId(Invalid):
    code = "bad_wecom_id"
    title = "Not a WeCom external_userid"


def checked_wecom_id(text: str) -> str:
    """The id as it is. Raises BadWecomId."""
    if not _EXTERNAL.fullmatch(text):
        raise BadWecomId("a WeCom external_userid begins with wm or wo and has letters, digits, - and _ only")
    return text
