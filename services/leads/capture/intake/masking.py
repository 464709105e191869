"""Contact data as it is shown to those who may see a lead but not contact it, and who that is. Pure."""

from __future__ import annotations

import phonenumbers
from phonenumbers import NumberParseException

from shared.access.principal import Principal

HIDDEN = "****"
_AHEAD, _BEHIND = 3, 4


def may_contact(who: Principal, *, pooled: bool) -> bool:
    """Whether somebody may contact the leads that they see; those that lie in a pool only who sees the whole
    tenant.
    """
    return who.may("contact:read") and (not pooled or who.visibility == "tenant")


def masked_phone(e164: str) -> str:
    """The national number with its middle hidden: `+8613800000001` -> `138****0001`."""
    try:
        digits = str(phonenumbers.parse(e164).national_number)
    except NumberParseException:
        digits = e164.lstrip("+")
    # Of a short number less is shown, or hardly anything would be hidden.
    is_long = len(digits) >= _AHEAD + _BEHIND + 3
    ahead, behind = (_AHEAD, _BEHIND) if is_long else (len(digits) // 4, len(digits) // 4)
    return digits[:ahead] + HIDDEN + digits[len(digits) - behind :]


def masked_email(address: str) -> str:
    """The first character and the domain: `wang@example.com` -> `w****@example.com`."""
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}{HIDDEN}@{domain}"
