"""Nothing: forgetting people in imported files needed no change. Databases stand at this number.

Revision ID: 0006
"""

from __future__ import annotations

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Change nothing."""
