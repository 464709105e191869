"""Progress on the terminal: bars and spinners for people, plain lines where nobody watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)


class Steps:
    """Shows what is being done. Used as a context manager around the work."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        self._live = self.console.is_terminal
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
            disable=not self._live,
        )

    def __enter__(self) -> Steps:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @contextmanager
    def counted(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """Yields `progress(done, total)`."""
        task = self._progress.add_task(what, total=None)
        self._say(what)

        def progress(done: int, total: int) -> None:
            self._progress.update(task, completed=done, total=total)

        yield progress

    @contextmanager
    def spinning(self, what: str) -> Iterator[Callable[[str], None]]:
        """Yields `progress(text)` for a step of unknown length."""
        task = self._progress.add_task(what, total=None)
        said = [what]
        self._say(what)

        def progress(text: str) -> None:
            if text != said[0]:
                said[0] = text
                self._say(text)
            self._progress.update(task, description=text)

        yield progress
        self._progress.update(task, description="ready", completed=1, total=1)

    def _say(self, text: str) -> None:
        if not self._live:
            self.console.print(f"cox: {text}", highlight=False, markup=False)
