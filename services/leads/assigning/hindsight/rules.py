"""Decisions of the past made once more, one after the other, each on what was known then. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from services.leads.assigning.assignment.conditions import Facts, failed_condition
from services.leads.assigning.assignment.past import Made
from services.leads.assigning.assignment.rules import (
    Candidate,
    Consulted,
    Rule,
    chosen,
    decide,
    makes_up,
    owed,
)
from shared.worktime.calendar import Calendar
from shared.worktime.moments import Absence, is_working


@dataclass(frozen=True, slots=True)
class Times:
    """When the candidates were there: absences that touch the days in question, and calendars of now."""

    absences: Mapping[UUID, Sequence[Absence]]
    calendars: Mapping[UUID, Calendar]

    def of(self, one: Candidate, at: datetime) -> Candidate:
        """As they were at a moment."""
        away = [to_at for from_at, to_at in self.absences.get(one.user_id, ()) if from_at <= at < to_at]
        calendar = self.calendars.get(one.user_id)
        off = calendar is not None and not is_working(calendar, at)
        return replace(
            one,
            absent_until=max(away, default=None),
            off_at=at.astimezone(calendar.zone) if calendar is not None and off else None,
        )


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What a decision would have come to; `would` None: nobody would have got the lead."""

    made: Made
    would: UUID | None
    consulted: tuple[Consulted, ...]


@dataclass(slots=True)
class Replay:
    """Rules as they might have been, and the state that their decisions move on.

    `standing`: the candidates of each rule as they are now. Turns begin as they were told of the first
    decision in which a rule took part; a changed rule begins where it stood.
    """

    rules: Sequence[Rule]
    standing: Mapping[UUID, Mapping[UUID, Candidate]]
    times: Times
    _turns: dict[tuple[UUID, UUID], Candidate] = field(default_factory=dict)
    _rotation: dict[UUID, int] = field(default_factory=dict)
    _loads: dict[UUID, int] = field(default_factory=dict)
    _more: Counter[UUID] = field(default_factory=Counter)

    def again(self, made: Made, facts: Facts) -> Otherwise:
        """Make the next decision once more."""
        self._learn(made)
        candidates = {
            rule.id: [self._then(rule, one, made) for one in self.standing[rule.id].values()]
            for rule in self.rules
            if failed_condition(rule.conditions, facts) is None
        }
        would, consulted = decide(self.rules, facts, candidates)
        if would is not None:
            self._take_turn(consulted[-1])
        if would != made.owner_id:
            self._more.update({would: 1} if would else {})
            self._more.subtract({made.owner_id: 1} if made.owner_id else {})
        return Otherwise(made, would, tuple(consulted))

    def _learn(self, made: Made) -> None:
        """Loads as they were told then; turns, where a rule is told of for the first time."""
        for told in made.told:
            self._loads[told.user_id] = told.open_leads
            key = told.rule_id, told.user_id
            one = self.standing.get(told.rule_id, {}).get(told.user_id)
            if one is not None and key not in self._turns:
                self._turns[key] = replace(
                    one, last_turn=told.last_turn, credit=told.credit, owed_turns=told.owed_turns
                )
                self._rotation[told.rule_id] = max(self._rotation.get(told.rule_id, 0), told.last_turn)

    def _then(self, rule: Rule, one: Candidate, made: Made) -> Candidate:
        user = one.user_id
        turns = self._turns.get((rule.id, user), one)
        load = self._loads.get(user, one.open_leads) + self._more[user]
        return replace(
            self.times.of(one, made.at),
            open_leads=max(load, 0),
            last_turn=turns.last_turn,
            credit=turns.credit,
            owed_turns=turns.owed_turns,
            had_it=user in made.had_it,
        )

    def _take_turn(self, decisive: Consulted) -> None:
        rule = decisive.rule
        winner = chosen(decisive.verdicts)
        shares = owed(decisive.verdicts)
        for verdict in decisive.verdicts:
            one = verdict.candidate
            one = replace(one, credit=one.credit + shares.get(one.user_id, 0))
            if one.user_id == winner and makes_up(rule, one):
                one = replace(one, owed_turns=one.owed_turns - 1)
            elif one.user_id == winner:
                turn = self._rotation[rule.id] = self._rotation.get(rule.id, 0) + 1
                one = replace(one, last_turn=turn)
            self._turns[rule.id, one.user_id] = one
