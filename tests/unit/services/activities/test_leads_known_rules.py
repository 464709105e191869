from __future__ import annotations

from uuid import UUID

import orjson

from services.activities.leads_known.rules import KnownLead, changed_by
from shared.contracts.base import Credit, Dimensions, Event
from shared.contracts.leads import LeadAssigned, LeadCreated, LeadUpdated, StageChanged

LEAD, ANN, BOB, TEAM, PIPELINE = (UUID(int=n) for n in range(1, 6))
NORTH = Dimensions(region="north", product="crm", channel="web")


def after(*events: Event) -> KnownLead:
    known = KnownLead(LEAD)
    for event in events:
        known = changed_by(known, event.type_name(), orjson.loads(event.model_dump_json()))
    return known


CREATED = LeadCreated(credit=Credit(), dimensions=NORTH, pipeline_id=PIPELINE, stage="new", created_by=ANN)


class TestChangedBy:
    def test_is_its_creators_when_nobody_owns_it_and_the_creator_is_no_rep(self) -> None:
        known = after(CREATED)
        assert known == KnownLead(LEAD, None, None, ANN, "north", "crm", "web")

    def test_has_owner_and_team_when_it_is_assigned(self) -> None:
        known = after(
            CREATED, LeadAssigned(credit=Credit(rep_id=BOB, team_id=TEAM), dimensions=NORTH, how="rule")
        )
        assert (known.owner_id, known.team_id, known.created_by) == (BOB, TEAM, ANN)

    def test_has_no_owner_when_it_is_released(self) -> None:
        known = after(
            CREATED,
            LeadAssigned(credit=Credit(rep_id=BOB, team_id=TEAM), dimensions=NORTH, how="rule"),
            LeadAssigned(credit=Credit(), dimensions=NORTH, how="manual", previous_owner_id=BOB),
        )
        assert (known.owner_id, known.team_id) == (None, None)

    def test_keeps_its_owner_and_follows_its_dimensions_when_it_changes(self) -> None:
        known = after(
            CREATED,
            LeadAssigned(credit=Credit(rep_id=BOB, team_id=TEAM), dimensions=NORTH, how="rule"),
            LeadUpdated(changed=("region",), dimensions=Dimensions(region="south")),
            StageChanged(
                credit=Credit(), dimensions=Dimensions(region="west"), from_stage="new", to_stage="won",
                from_status="open", to_status="won",
            ),
        )  # fmt: skip
        assert (known.owner_id, known.region, known.product) == (BOB, "west", None)
