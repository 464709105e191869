"""What a command tells the person at the terminal instead of a stack trace."""

from __future__ import annotations


class CommandError(Exception):
    """The command cannot go on; the text says why and what to do."""
