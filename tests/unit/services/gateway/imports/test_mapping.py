from __future__ import annotations

import pytest

from services.gateway.imports.mapping import DealsMapping, EventLogMapping
from services.gateway.imports.mapping_file import BadMapping, default_mapping, load_mapping
from tests.support.shared_data import EXAMPLES

DEALS = """
shape: deals
source: other_crm
pipeline: {key: sales, name: Sales, stages: [{key: new, name: New}, {key: offer, name: Offer}]}
columns: {id: Id, stage: State, owner: Seller, product: Item}
stages: {Open: new, Offered: offer, Won: won}
"""


class TestLoadMapping:
    @pytest.mark.parametrize(
        ("path", "kind"),
        [
            ("crm_sales/org.yaml", "org"),
            ("crm_sales/history.yaml", "history"),
            ("bpi2012/history.yaml", "history"),
        ],
    )
    def test_is_accepted_when_it_ships_with_the_product(self, path: str, kind: str) -> None:
        assert load_mapping((EXAMPLES / path).read_text("utf-8"), kind).declared_columns()

    @pytest.mark.parametrize(
        ("change", "place", "words"),
        [
            ("colour: red", "/mapping/colour", "not permitted"),
            ("stages: {Open: nowhere}", "/mapping", "'nowhere'"),
            ("aliases: {town: {A: B}}", "/mapping", "'town'"),
            ("currency: dollars", "/mapping/currency", "pattern"),
            ("file: {encoding: klingon}", "/mapping/file/encoding", "klingon"),
            ("file: {encoding: rot13}", "/mapping/file/encoding", "not an encoding of text"),
            ("people: {unknown: guess}", "/mapping/people/unknown", "create_inactive"),
        ],
    )
    def test_names_the_place_when_something_is_wrong(self, change: str, place: str, words: str) -> None:
        key = change.split(":", 1)[0]
        kept = [line for line in DEALS.splitlines() if not line.startswith(f"{key}:")]
        with pytest.raises(BadMapping) as caught:
            load_mapping("\n".join([*kept, change]), "history")
        assert caught.value.errors[0].pointer == place
        assert words in caught.value.detail

    @pytest.mark.parametrize(
        "text",
        [
            "shape: [",
            "- just a list",
            "nothing",
            "",
            "shape: deals\nshape: deals",
            "shape: unheard_of",
            "a: &x [1]\nb: *x",
            "? [complex, key]\n: value",
            "shape: !!python/object/apply:os.system ['true']",
            "a: " + "[" * 5000,
            "\x00",
        ],
    )
    def test_is_refused_when_it_is_no_mapping(self, text: str) -> None:
        with pytest.raises(BadMapping):
            load_mapping(text, "history")

    @pytest.mark.parametrize("text", ["[" * 20_000, "{a: " * 5_000, "[" + "a," * 100_000 + "]"])
    def test_is_refused_unread_when_it_is_deep_or_has_very_many_values(self, text: str) -> None:
        with pytest.raises(BadMapping, match="values, at most"):
            load_mapping(text, "history")

    @pytest.mark.parametrize(
        "file", ["encoding: idna", "encoding: undefined", "encoding: rot13", 'delimiter: "\\n"']
    )
    def test_is_refused_when_no_file_is_written_like_that(self, file: str) -> None:
        with pytest.raises(BadMapping, match="/mapping/file/"):
            load_mapping(f"{DEALS}file: {{{file}}}\n", "history")

    def test_is_refused_when_it_belongs_to_another_kind(self) -> None:
        with pytest.raises(BadMapping, match="org"):
            load_mapping(DEALS, "org")

    def test_keeps_words_as_words_when_yaml_would_make_them_something_else(self) -> None:
        text = DEALS.replace("Open: new", "No: new, 2017-01-01: offer, 012: offer")
        mapping = load_mapping(text, "history")
        assert isinstance(mapping, DealsMapping)
        assert set(mapping.stages) == {"No", "2017-01-01", "012", "Offered", "Won"}

    def test_needs_one_meaning_when_a_rule_of_an_event_log_has_two(self) -> None:
        text = "shape: event_log\nsource: log\nevents: [{activity: A, outcome: won, record: call}]"
        with pytest.raises(BadMapping, match="exactly one"):
            load_mapping(text, "history")


class TestRuleFor:
    def test_is_the_first_that_matches_when_several_do(self) -> None:
        mapping = load_mapping((EXAMPLES / "bpi2012/history.yaml").read_text("utf-8"), "history")
        assert isinstance(mapping, EventLogMapping)
        found = [
            mapping.rule_for("W_Nabellen offertes", "COMPLETE"),
            mapping.rule_for("W_Valideren aanvraag", "COMPLETE"),
            mapping.rule_for("W_Nabellen offertes", "START"),
            mapping.rule_for("O_SENT", "COMPLETE"),
        ]
        assert [rule and (rule.record or rule.ignore) for rule in found] == ["call", "task", True, None]


class TestDefaultMapping:
    @pytest.mark.parametrize(("kind", "shape"), [("org", "org"), ("leads", "leads"), ("history", "deals")])
    def test_leaves_the_columns_to_the_headings_when_none_is_given(self, kind: str, shape: str) -> None:
        mapping = default_mapping(kind)
        assert (mapping.shape, mapping.declared_columns()) == (shape, None)
