"""What the pages of forms say by themselves, in both languages."""

from __future__ import annotations

from collections.abc import Mapping

from services.gateway.forms.asked import Language

TEXTS: Mapping[Language, Mapping[str, str]] = {
    "zh": {
        "send": "提交",
        "required": "必填",
        "choose": "请选择",
        "agreed": "个人信息告知",
        "thanks": "已收到，谢谢！",
        "check": "请检查标出的内容。",
        "trap": "请勿填写",
        "closed": "这里已停止使用，不再接收内容。",
        "unknown": "没有这个页面，请核对链接。",
        "later": "暂时无法提交，内容还没有保存，请稍后再试。",
        "outdated": "此表单暂时无法提交，请联系发布者。",
        "refused": "无法接收此次提交。",
    },
    "en": {
        "send": "Send",
        "required": "required",
        "choose": "Please choose",
        "agreed": "About your data",
        "thanks": "Received, thank you!",
        "check": "Please look at the marked fields.",
        "trap": "Leave this empty",
        "closed": "This has ended and takes nothing any more.",
        "unknown": "There is no such page; check the address.",
        "later": "It could not be sent just now, and nothing was kept: try again in a moment.",
        "outdated": "This form cannot be sent at present; tell whoever published it.",
        "refused": "This could not be taken.",
    },
}
WRONG: Mapping[str, Mapping[Language, str]] = {
    "required": {"zh": "请填写此项。", "en": "Please fill this in."},
    "too_long": {"zh": "内容太长。", "en": "This is too long."},
    "bad_phone": {"zh": "请填写正确的电话号码。", "en": "Please give a phone number that can be called."},
    "bad_email": {
        "zh": "请填写正确的邮箱地址。",
        "en": "Please give an e-mail address that can be written to.",
    },
    "": {"zh": "填写的内容有误，请检查。", "en": "This does not look right; please check it."},
}
PURPOSES: Mapping[str, Mapping[Language, str]] = {
    "contact": {"zh": "同意与我联系", "en": "You may contact me"},
    "marketing": {"zh": "同意接收营销信息", "en": "You may send me offers and news"},
    "profiling": {"zh": "同意对我的信息进行自动分析", "en": "You may evaluate my data automatically"},
    "sharing": {"zh": "同意向合作方提供我的信息", "en": "You may pass my data on to partners"},
}
