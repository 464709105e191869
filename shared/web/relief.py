"""Handing over: a process that is told to end serves on until its successor does."""

from __future__ import annotations

import os

SERVING = b"s"
ASKED = b"r"


class Relief:
    """The line to whoever started this process: the writing end of a pipe."""

    def __init__(self, line: int) -> None:
        self._line = line

    def serving(self) -> None:
        """Tell that connections are accepted here now: who served before may leave."""
        self._say(SERVING)

    def ask(self) -> bool:
        """Ask for a successor; whether anybody was there to ask. SIGTERM comes once it serves."""
        return self._say(ASKED)

    def _say(self, word: bytes) -> bool:
        try:
            os.write(self._line, word)
        except OSError:
            return False
        return True
