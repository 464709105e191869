"""Where one copy keeps its state: COX_HOME and the places in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shared.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


class LocalError(Exception):
    """Something about this machine or this command line stands in the way; the text says what to do."""


@dataclass(frozen=True)
class Home:
    """The state folder of one copy. Everything in it is private to the user (mode 0700)."""

    path: Path

    @classmethod
    def of(cls, settings: Settings) -> Home:
        """COX_HOME; the default `.cox` is beside the command, whatever the caller's folder."""
        chosen = settings.home if "home" in settings.model_fields_set else ROOT / settings.home
        return cls(chosen.expanduser().resolve())

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def kafka(self) -> Path:
        return self.path / "kafka"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets"

    @property
    def state(self) -> Path:
        return self.path / "state.json"

    @property
    def lock(self) -> Path:
        return self.path / "launcher.lock"

    def create(self) -> None:
        """Make the folders. Raises LocalError where the user may not write."""
        try:
            for folder in (self.path, self.logs, self.secrets):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LocalError(f"COX_HOME {self.path} cannot be used: {error.strerror}") from error
