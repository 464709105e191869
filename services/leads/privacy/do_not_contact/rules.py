"""What is shown of who is on the list."""

from __future__ import annotations

from services.leads.capture.intake.masking import masked_email, masked_phone
from services.leads.deduplication.duplicates.rules import Key


def shown(key: Key) -> str:
    """The key with its middle hidden."""
    return masked_email(key.value) if key.kind == "email" else masked_phone(key.value.partition(";")[0])
