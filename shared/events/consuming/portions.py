"""How a batch is cut into transactions. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from shared.events.consuming.applying import Item
from shared.events.consuming.handlers import HandlerSet, Matter, Route


def portions(items: Sequence[Item], handlers: HandlerSet, matters: Collection[Matter]) -> list[list[Item]]:
    """Cut a batch into transactions, each with at most `handlers.max_batch` events of these matters.

    What a reaction passes over (other types, history, what nobody heeds now) locks no aggregate of ours and
    is not counted.
    """
    if len(items) <= handlers.max_batch:
        return [list(items)]
    cut: list[list[Item]] = [[]]
    acting = 0
    for item in items:
        if matter_of(item, handlers) in matters:
            if acting == handlers.max_batch:
                cut.append([])
                acting = 0
            acting += 1
        cut[-1].append(item)
    return cut


def matter_of(item: Item, handlers: HandlerSet) -> Matter | None:
    """None: there is nothing in it to act on."""
    received = item.received
    if received is None or handlers.route(received.type) is not Route.HANDLED:
        return None
    if received.historic and handlers.kind == "reaction":
        return None
    return received.tenant_id, received.type
