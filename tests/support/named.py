"""Modules that are called by a name of theirs: promises, benchmarks."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any, TypeVar

T = TypeVar("T")


class UnknownName(Exception):
    """A name that nothing has; the text lists the right ones."""


def named_modules(package: ModuleType) -> dict[str, Any]:
    """The modules of a package that have a NAME, by that name, in the order of their files."""
    files = sorted(each.name for each in pkgutil.iter_modules(package.__path__))
    found = [importlib.import_module(f"{package.__name__}.{file}") for file in files]
    return {module.NAME: module for module in found if hasattr(module, "NAME")}


def chosen(known: Mapping[str, T], names: Iterable[str], what: str) -> list[T]:
    """Those of these names, all where none is given; `what` they are. Raises UnknownName."""
    wanted = [name.upper() for name in names]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise UnknownName(f"no {what} named {', '.join(unknown)}; there are: {', '.join(known)}")
    return [known[name] for name in wanted or known]
