"""No rule that may be saved sets itself off: tried on leads by a slow, obvious model of what actions do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from services.leads.assigning.assignment.conditions import Conditions
from services.leads.assigning.assignment.use_cases import facts_of
from services.leads.capture.intake.lead import Lead
from services.leads.follow_up.automation.checking import AutomationImpossible, check_terms
from services.leads.follow_up.automation.rules import Action, Demands, Move, Set, Tag, Terms, unmet
from services.leads.follow_up.automation.triggers import Trigger, When, matches
from services.leads.follow_up.progress.rules import status_of
from shared.contracts.leads import LeadUpdated, StageChanged
from tests.unit.services.leads.follow_up.test_automation_rules import lead

Happened = tuple[str, dict[str, Any]]

REGIONS, TAGS, STAGES = ("n", "s"), ("a", "b", "c"), ("p", "q", "won", "lost")
NAMES = ("region", "product", "tags")


def some(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), unique=True, max_size=2).map(tuple)


FIELDS = st.dictionaries(
    st.sampled_from(["region", "product"]), st.sampled_from([*REGIONS, None]), min_size=1
)
ACTIONS = st.one_of(
    st.builds(Tag, add=some(TAGS), remove=some(TAGS)),
    st.builds(Set, FIELDS),
    st.builds(Move, st.sampled_from(STAGES)),
)
LEADS = st.builds(
    lambda stage, region, product, tags: lead(
        stage=stage, status=status_of(stage), region=region, product=product, tags=tags
    ),
    st.sampled_from(STAGES),
    st.sampled_from([*REGIONS, None]),
    st.sampled_from([*REGIONS, None]),
    some(TAGS),
)


def with_others(draw: st.DrawFn, value: str, others: tuple[str, ...]) -> tuple[str, ...]:
    """Nothing is demanded, or this, perhaps among others."""
    return draw(st.sampled_from([(), (value,)])) and tuple(dict.fromkeys((value, *draw(some(others)))))


def demanded(draw: st.DrawFn, found: Lead) -> Demands:
    """What the lead is."""
    facts = Conditions(
        region=with_others(draw, found.region, REGIONS) if found.region else (),
        product=with_others(draw, found.product, REGIONS) if found.product else (),
        tags=with_others(draw, found.tags[0], TAGS) if found.tags else (),
    )
    return Demands(
        facts,
        without_tags=tuple(tag for tag in draw(some(TAGS)) if tag not in found.tags),
        status=(found.status,) if draw(st.booleans()) else (),
        stage=with_others(draw, found.stage, STAGES),
    )


def waited_for(draw: st.DrawFn, found: Lead) -> When:
    """What may have happened to the lead."""
    if draw(st.booleans()):
        return When("lead_updated", changed=draw(some(NAMES)))
    came_from = draw(st.sampled_from([stage for stage in STAGES if stage != found.stage]))
    from_stage = with_others(draw, came_from, STAGES)
    outcomes: dict[str, Trigger] = {"won": "lead_won", "lost": "lead_lost"}
    if found.stage in outcomes and draw(st.booleans()):
        return When(outcomes[found.stage], from_stage=from_stage)
    return When("stage_changed", from_stage=from_stage, to_stage=with_others(draw, found.stage, STAGES))


@st.composite
def situations(draw: st.DrawFn) -> tuple[Terms, Lead]:
    """A rule, and a lead as it demands, to which has happened what it waits for."""
    found = draw(LEADS)
    actions = draw(st.lists(ACTIONS, min_size=1, max_size=3))
    return Terms(waited_for(draw, found), demanded(draw, found), tuple(actions)), found


def done(found: Lead, actions: tuple[Action, ...]) -> tuple[Lead, list[Happened]]:
    """The lead afterwards, and what was told of it."""
    told: list[Happened] = []
    for action in actions:
        before = found
        match action:
            case Tag(add, remove):
                kept = [tag for tag in found.tags if tag not in remove]
                found = found._replace(tags=tuple(dict.fromkeys([*kept, *add])))
            case Set(fields):
                changes: dict[str, Any] = {str(name): value for name, value in fields.items()}
                found = found._replace(**changes)
            case Move(to):
                found = found._replace(stage=to, status=status_of(to))
        told += _told(before, found)
    return found, told


def _told(before: Lead, after: Lead) -> Iterator[Happened]:
    changed = [name for name in NAMES if getattr(before, name) != getattr(after, name)]
    if changed:
        yield LeadUpdated.type_name(), {"changed": changed}
    if before.stage != after.stage:
        yield _moved(before.stage, after.stage)


def _moved(before: str, after: str) -> Happened:
    return StageChanged.type_name(), {
        "from_stage": before, "to_stage": after, "from_status": status_of(before),
        "to_status": status_of(after), "reason_code": None,
    }  # fmt: skip


class TestEchoes:
    @given(situations())
    def test_a_rule_that_may_be_saved_is_not_about_what_it_has_done_when_it_ran(
        self, situation: tuple[Terms, Lead]
    ) -> None:
        terms, found = situation
        assert unmet(terms.demands, found, facts_of(found)) is None
        try:
            check_terms(terms)
        except AutomationImpossible as refused:
            event(f"refused: {refused.errors[0].code}")
            return
        after, told = done(found, terms.actions)
        still = unmet(terms.demands, after, facts_of(after)) is None
        event("still about the lead" if still else "no longer about it")
        assert not (still and any(matches(terms.when, *each) for each in told))
