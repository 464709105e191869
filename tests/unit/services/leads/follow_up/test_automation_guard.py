"""However rules set one another off, it comes to an end."""

from __future__ import annotations

from collections import deque
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.leads.follow_up.automation.guard import MOST_DEEP, Chain, Link, chain_of, ran_on, stopped
from shared.ids import new_id

RULES = [new_id() for _ in range(8)]
Answers = dict[int, list[int]]
"""By rule: which rules wait for each of the events that it makes."""


def answers() -> st.SearchStrategy[Answers]:
    several = st.lists(st.integers(0, len(RULES) - 1), max_size=3)
    return st.dictionaries(st.integers(0, len(RULES) - 1), several, max_size=len(RULES))


def lived_through(first: list[int], made: Answers, most: int = 10_000) -> list[Link]:
    """All runs that follow from one event, which these rules wait for; each makes its events."""
    links: list[Link] = []
    waiting: deque[tuple[UUID, UUID | None, list[int]]] = deque([(new_id(), None, first)])
    while waiting:
        event, cause, rules = waiting.popleft()
        for number in rules:
            rule = RULES[number]
            chain = chain_of(event, cause, links)
            if ran_on(event, rule, links) or stopped(chain, rule):
                continue
            links.append(Link(event, chain.id, chain.depth, rule))
            assert len(links) < most
            waiting.extend((new_id(), event, [each]) for each in made.get(number, []))
    return links


class TestGuard:
    @given(st.lists(st.integers(0, len(RULES) - 1), min_size=1, max_size=4), answers())
    def test_each_rule_runs_once_in_a_chain_and_none_too_deep_when_rules_set_one_another_off(
        self, first: list[int], made: Answers
    ) -> None:
        links = lived_through(first, made)
        ran = [link.rule_id for link in links]
        assert len(ran) == len(set(ran))
        assert {link.chain_id for link in links} == {links[0].event_id}
        assert all(1 <= link.depth <= MOST_DEEP for link in links)

    def test_everybody_runs_once_when_three_set_one_another_off_in_turn(self) -> None:
        links = lived_through([0], {0: [1], 1: [2], 2: [0]})
        assert [(RULES.index(link.rule_id), link.depth) for link in links] == [(0, 1), (1, 2), (2, 3)]

    def test_a_long_row_ends_when_it_is_too_deep(self) -> None:
        links = lived_through([0], {number: [number + 1] for number in range(7)})
        assert [link.depth for link in links] == list(range(1, MOST_DEEP + 1))

    def test_another_chain_begins_when_the_event_follows_from_no_run(self) -> None:
        first, second, elsewhere, rule = new_id(), new_id(), new_id(), new_id()
        links = [Link(first, first, 1, rule)]
        assert stopped(chain_of(second, first, links), rule) == "loop"
        assert chain_of(second, first, links) == Chain(first, 2, frozenset({rule}))
        assert chain_of(second, elsewhere, links) == Chain(second, 1)
        assert chain_of(second, None, links) == Chain(second, 1)

    def test_the_code_says_which_of_the_two_it_was_when_stopped(self) -> None:
        rule = new_id()
        assert stopped(Chain(new_id(), MOST_DEEP), rule) is None
        assert stopped(Chain(new_id(), MOST_DEEP + 1), rule) == "too_deep"
        assert stopped(Chain(new_id(), MOST_DEEP + 1, frozenset({rule})), rule) == "loop"
