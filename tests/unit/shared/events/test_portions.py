"""How a batch is cut into transactions."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from shared.contracts.gateway import ImportFinished
from shared.events.consuming.applying import Item, read
from shared.events.consuming.handlers import HandlerSet, Matter, Projection, Reaction
from shared.events.consuming.portions import portions
from shared.events.envelope import headers_of
from shared.events.kafka import Record

HANDLED = ImportFinished.type_name()
OTHER = "cox.gateway.import_started.v1"
TENANT, UNCONCERNED = UUID(int=2), UUID(int=9)
MATTERS: set[Matter] = {(TENANT, HANDLED)}


def item(offset: int, event_type: str = HANDLED, *, historic: bool = False, tenant_id: UUID = TENANT) -> Item:
    row = {
        "event_id": UUID(int=offset + 1), "tenant_id": tenant_id, "aggregate_id": UUID(int=3),
        "aggregate_type": "import", "type": event_type, "seq": offset + 1,
        "occurred_at": datetime(2026, 3, 1, tzinfo=UTC), "causation_id": None, "traceparent": None,
        "historic": historic,
    }  # fmt: skip
    headers = headers_of(row, source=b"/services/gateway", epoch=1, replay=False)
    return read(Record("cox.gateway", 0, offset, 0, str(UUID(int=3)).encode(), b"{}", headers), "cox.gateway")


def sizes(handlers: HandlerSet, items: list[Item], matters: set[Matter] | None = None) -> list[int]:
    handlers.on(ImportFinished)(_nothing)
    cut = portions(items, handlers, MATTERS if matters is None else matters)
    assert [each for portion in cut for each in portion] == items
    return [len(portion) for portion in cut]


async def _nothing(_tx: object, _received: object) -> None:
    return None


class TestPortions:
    def test_a_reaction_acts_on_50_at_a_time(self) -> None:
        assert sizes(Reaction("gateway.a"), [item(offset) for offset in range(120)]) == [50, 50, 20]

    def test_what_a_reaction_passes_over_is_not_counted(self) -> None:
        passed = [item(offset, historic=True) for offset in range(100)]
        others = [item(offset, OTHER) for offset in range(100, 200)]
        acted = [item(offset) for offset in range(200, 260)]

        assert sizes(Reaction("gateway.a"), [*passed, *others, *acted]) == [250, 10]

    def test_what_nobody_heeds_is_not_counted(self) -> None:
        unheeded = [item(offset, tenant_id=UNCONCERNED) for offset in range(200)]
        heeded = [item(offset) for offset in range(200, 260)]

        assert sizes(Reaction("gateway.a"), [*unheeded, *heeded]) == [250, 10]
        assert sizes(Reaction("gateway.b"), unheeded, set()) == [200]

    def test_a_projection_takes_all_at_once(self) -> None:
        assert sizes(Projection("gateway.p"), [item(offset) for offset in range(120)]) == [120]

    def test_a_record_without_a_place_stays_where_it_stands(self) -> None:
        stray = read(Record("cox.gateway", 0, 50, 0, b"", b"{}", []), "cox.gateway")
        items = [*(item(offset) for offset in range(50)), stray, item(51)]

        assert sizes(Reaction("gateway.a"), items) == [51, 1]
