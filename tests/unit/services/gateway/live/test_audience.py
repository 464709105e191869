"""Who may be told of an event."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from services.gateway.live.rules import (
    NOBODY,
    Audience,
    Sight,
    UnknownEventType,
    audience_of,
    sees,
    wanted_types,
)
from shared.access.principal import Principal
from shared.contracts.activities import ActivityRecorded
from shared.contracts.base import Credit, Dimensions
from shared.contracts.leads import LeadAssigned, LeadUpdated, PipelineDefined
from shared.contracts.scoring import KpiRecalculated
from shared.database.transactions import Visibility

REGION, TEAM, OTHER_TEAM = uuid4(), uuid4(), uuid4()
REP, COLLEAGUE = uuid4(), uuid4()
SIGHT = Sight({TEAM: {TEAM, REGION}, OTHER_TEAM: {OTHER_TEAM}, REGION: {REGION}}, {REP: TEAM})


def principal(visibility: Visibility, unit_id: UUID, user_id: UUID | None = None) -> Principal:
    return Principal(
        tenant_id=uuid4(), id=uuid4(), kind="user", user_id=user_id or uuid4(), roles=frozenset(),
        scopes=frozenset(), visibility=visibility, unit_id=unit_id, org_version=1,
    )  # fmt: skip


class TestSees:
    @pytest.mark.parametrize(
        ("visibility", "unit_id", "seen"),
        [
            ("own", TEAM, False),
            ("team", TEAM, True),
            ("team", REGION, False),
            ("team", OTHER_TEAM, False),
            ("subtree", TEAM, True),
            ("subtree", REGION, True),
            ("subtree", OTHER_TEAM, False),
            ("tenant", OTHER_TEAM, True),
        ],
    )
    def test_as_visibility_says_when_event_is_a_teams(
        self, visibility: Visibility, unit_id: UUID, seen: bool
    ) -> None:
        assert sees(principal(visibility, unit_id), Audience(REP, TEAM), SIGHT) is seen

    @pytest.mark.parametrize("visibility", ["own", "team", "subtree", "tenant"])
    def test_own_is_seen_when_visibility_is_any(self, visibility: Visibility) -> None:
        assert sees(principal(visibility, OTHER_TEAM, REP), Audience(REP, TEAM), SIGHT)

    @pytest.mark.parametrize("visibility", ["own", "team", "subtree"])
    def test_nobodys_is_seen_when_visibility_is_the_tenant_only(self, visibility: Visibility) -> None:
        assert not sees(principal(visibility, REGION, REP), NOBODY, SIGHT)
        assert sees(principal("tenant", REGION), NOBODY, SIGHT)

    def test_team_is_the_reps_of_now_when_event_names_none(self) -> None:
        assert sees(principal("team", TEAM), Audience(REP), SIGHT)
        assert not sees(principal("team", OTHER_TEAM), Audience(REP), SIGHT)
        assert not sees(principal("team", TEAM), Audience(COLLEAGUE), SIGHT)


class TestAudienceOf:
    def test_credit_decides_when_there_is_one(self) -> None:
        event = LeadAssigned(credit=Credit(rep_id=REP, team_id=TEAM), dimensions=Dimensions(), how="manual")
        assert _audience(event) == Audience(REP, TEAM)

    def test_owner_decides_when_nobody_did_it(self) -> None:
        event = ActivityRecorded(
            kind="call", lead_id=uuid4(), owner_id=REP, credit=Credit(team_id=TEAM), dimensions=Dimensions(),
            effective=True,
        )  # fmt: skip
        assert _audience(event) == Audience(REP, TEAM)

    def test_rep_decides_when_numbers_are_told(self) -> None:
        assert _audience(KpiRecalculated(rep_id=REP, metrics=(), days=())) == Audience(REP)
        assert _audience(KpiRecalculated(rep_id=None, metrics=(), days=())) == NOBODY

    def test_lead_decides_when_event_says_nothing(self) -> None:
        assert _audience(LeadUpdated(changed=("name",), dimensions=Dimensions())) is None
        assert _audience(PipelineDefined(key="k", name="n", is_default=True, stages=())) == NOBODY


def _audience(event: Any) -> Audience | None:
    return audience_of(event.type_name(), event.model_dump(mode="json"))


class TestWantedTypes:
    def test_all_types_of_a_beginning_when_it_ends_with_a_star(self) -> None:
        found = wanted_types("cox.leads.*, cox.activities.activity_recorded.v1")
        assert found is not None
        assert "cox.leads.lead_created.v1" in found
        assert "cox.activities.activity_recorded.v1" in found
        assert not any(name.startswith("cox.org.") for name in found)

    def test_everything_when_there_is_no_filter(self) -> None:
        assert wanted_types(None) is None

    @pytest.mark.parametrize("text", ["", "lead_created", "cox.nothing.*", "cox.leads.lead_created.v9", ","])
    def test_refused_when_no_type_is_called_so(self, text: str) -> None:
        with pytest.raises(UnknownEventType):
            wanted_types(text)
