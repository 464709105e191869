"""Long arrays of parameters, sent to PostgreSQL faster.

asyncpg asks of each element whether it is an array or a mapping, by abstract base classes: for a row of a
table that costs more than to encode it. The usual types are asked for first here, by what they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sized

from asyncpg.protocol import protocol

_USUAL = (tuple, list, str)


def quicken() -> None:
    """Called by whoever makes connections. Nothing is sent otherwise than before; a release of asyncpg that
    asks in another way is left as it is.
    """
    # No mapping but a dict is ever given as a parameter.
    asked: dict[str, tuple[type, ...]] = {
        "IterableABC": (*_USUAL, Iterable), "SizedABC": (*_USUAL, Sized), "MappingABC": (dict,),
    }  # fmt: skip
    for name, types in asked.items():
        if isinstance(getattr(protocol, name, None), type):
            setattr(protocol, name, types)
