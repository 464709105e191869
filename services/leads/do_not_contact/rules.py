"""What is shown of who is on the list."""

from __future__ import annotations

from services.leads.duplicates.rules import Key
from services.leads.intake.masking import masked_email, masked_phone


def shown(key: Key) -> str:
    """The key with its middle hidden."""
    return masked_email(key.value) if key.kind == "email" else masked_phone(key.value.partition(";")[0])
