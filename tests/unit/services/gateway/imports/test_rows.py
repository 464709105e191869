"""Rows of an org and of new leads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.gateway.imports.consent_rows import consent_of
from services.gateway.imports.headings.columns import columns_of
from services.gateway.imports.lead_rows import EMPTIED, Reading, lead_of
from services.gateway.imports.mapping import ConsentSpec, LeadsMapping
from services.gateway.imports.mapping_file import load_mapping
from services.gateway.imports.org_rows import WantedOrg, code_of, wanted_org
from services.gateway.imports.reading import opened
from services.gateway.imports.rules import RowError, pick
from tests.support.shared_data import EXAMPLES, shared_data


def org_of(*rows: dict[str, str]) -> WantedOrg:
    return wanted_org(enumerate(rows, start=2))


class TestCodeOf:
    @pytest.mark.parametrize(
        ("name", "code"),
        [("Moses Frase", "moses-frase"), ("王 小明", "王-小明"), ("Mei-Mei  Johns.", "mei-mei-johns")],
    )
    def test_is_plain_when_a_name_has_spaces_and_signs(self, name: str, code: str) -> None:
        assert code_of(name) == code


class TestWantedOrg:
    def test_has_one_team_per_manager_when_no_team_is_named(self) -> None:
        org = org_of(
            {"rep": "Ann", "manager": "Mo", "region": "East"},
            {"rep": "Bob", "manager": "Mo", "region": "East"},
            {"rep": "Cid", "manager": "Zoe", "region": "West"},
        )
        assert [(unit.code, unit.kind, unit.parent) for unit in org.units.values()] == [
            ("east", "region", None), ("mo", "team", "east"),
            ("west", "region", None), ("zoe", "team", "west"),
        ]  # fmt: skip
        assert [(user.name, user.unit, user.manages) for user in org.users.values()] == [
            ("Mo", "mo", True), ("Ann", "mo", False), ("Bob", "mo", False), ("Zoe", "zoe", True),
            ("Cid", "zoe", False),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("second", "code"),
        [
            ({"rep": "Ann", "team": "One", "region": "East"}, "duplicate_row"),
            ({"rep": "Ann", "team": "Two", "region": "East"}, "contradiction"),
            ({"rep": "Bob", "team": "One", "region": "West"}, "contradiction"),
            ({"rep": "Zoe", "manager": "Ann", "team": "One", "region": "East"}, "contradiction"),
            ({"team": "One", "region": "East"}, "missing_value"),
        ],
    )
    def test_reports_the_row_and_keeps_the_first_when_they_contradict(
        self, second: dict[str, str], code: str
    ) -> None:
        org = org_of({"rep": "Ann", "team": "One", "region": "East"}, second)
        assert [(problem.line, problem.code) for problem in org.problems] == [(3, code)]
        assert [user.unit for user in org.users.values()] == ["one"]

    def test_puts_a_manager_above_when_they_have_two_teams(self) -> None:
        org = org_of(
            {"rep": "Ann", "manager": "Mo", "team": "One", "region": "East"},
            {"rep": "Bob", "manager": "Mo", "team": "Two", "region": "East"},
        )
        assert org.users["mo"].unit == "east"
        assert (
            org_of(
                {"rep": "Ann", "manager": "Mo", "team": "One", "region": "East"},
                {"rep": "Bob", "manager": "Mo", "team": "Two", "region": "West"},
            )
            .users["mo"]
            .unit
            is None
        )

    def test_tells_a_team_from_its_region_when_both_have_one_name(self) -> None:
        assert list(org_of({"rep": "Ann", "team": "East", "region": "East"}).units) == ["east", "east-team"]

    def test_has_six_teams_in_three_regions_when_it_is_crm_sales(self) -> None:
        mapping = load_mapping((EXAMPLES / "crm_sales/org.yaml").read_text("utf-8"), "org")
        with shared_data("crm_sales/sales_teams.csv").open("rb") as file:
            table = opened(file, mapping)
            places = columns_of(mapping, table.header).places
            org = wanted_org([(row.line, pick(row.cells, places, mapping)[0]) for row in table.rows])
        assert not org.problems
        kinds = [unit.kind for unit in org.units.values()]
        assert (kinds.count("region"), kinds.count("team")) == (3, 6)
        assert sum(not user.manages for user in org.users.values()) == 35


SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)


def body_of(fields: dict[str, str], currency: str | None = None) -> Any:
    mapping = LeadsMapping(shape="leads", currency=currency)
    return lead_of(2, fields, Reading(mapping, "CNY", SHANGHAI, NOON)).body


class TestLeadOf:
    def test_is_the_body_that_leads_takes_when_every_field_is_filled(self) -> None:
        fields = {
            "name": "王小明",
            "phone": "13800138000",
            "value": "1,200.50",
            "tags": "a; b;;",
            "source": "expo",
            "campaign": "spring",
        }
        assert body_of(fields) == {
            "name": "王小明", "phone": "13800138000", "source": "expo", "campaign": "spring",
            "tags": ["a", "b"], "value": {"amount": "1200.50", "currency": "CNY"},
        }  # fmt: skip

    def test_takes_the_rows_currency_before_the_mappings_when_both_are_there(self) -> None:
        assert body_of({"name": "A", "value": "1", "currency": "JPY"}, "EUR")["value"]["currency"] == "JPY"
        assert body_of({"name": "A", "value": "1"}, "EUR")["value"]["currency"] == "EUR"

    @pytest.mark.parametrize(
        "fields", [{}, {"name": "A", "value": "x"}, {"name": "A", "value": "1", "currency": "?"}]
    )
    def test_is_refused_when_a_field_is_bad(self, fields: dict[str, str]) -> None:
        with pytest.raises(RowError):
            body_of(fields)

    @pytest.mark.parametrize("name", ["consent", "consent_how", "consent_at", "consent_evidence", "owner"])
    def test_is_refused_when_what_cannot_be_emptied_is_to_be(self, name: str) -> None:
        for word in EMPTIED:
            with pytest.raises(RowError) as refused:
                body_of({"name": "A", name: word})
            assert (refused.value.field, refused.value.code) == (name, "not_to_be_emptied")


ALL = ("contact", "marketing", "profiling", "sharing")
FORM = ConsentSpec(how="form")
NOTICE = "01890a5d-ac96-774b-bcce-b302099a8057"


def agreed(given: ConsentSpec = FORM, /, **fields: str) -> Any:
    named = {"consent" if name == "to" else f"consent_{name}": text for name, text in fields.items()}
    return consent_of(named, given, SHANGHAI, NOON)


class TestConsentOf:
    @pytest.mark.parametrize(
        ("text", "purposes"),
        [
            ("contact", ["contact"]), ("是", ["contact"]), ("YES", ["contact"]), ("√", ["contact"]),
            ("联系、营销", ["contact", "marketing"]), ("Marketing; 画像｜共享", list(ALL[1:])),
            ("联系,contact", ["contact"]), ("全部", list(ALL)),
        ],
    )  # fmt: skip
    def test_has_the_purposes_when_they_are_written_so(self, text: str, purposes: list[str]) -> None:
        assert agreed(to=text) == {"purposes": purposes, "how": "form"}

    @pytest.mark.parametrize("text", ["否", "No", " 不同意 "])
    def test_is_nothing_when_they_do_not_agree(self, text: str) -> None:
        assert agreed(to=text, how="电话", at="2026-03-01") is None
        assert agreed() is None

    @pytest.mark.parametrize(
        ("fields", "field", "code"),
        [
            ({"to": "maybe"}, "consent", "bad_consent"), ({"to": "否、营销"}, "consent", "bad_consent"),
            ({"to": "是", "how": "鸽子"}, "consent_how", "bad_consent"),
            ({"to": "是", "at": "2026-02-30"}, "consent_at", "bad_date"),
            ({"at": "2026-03-01"}, "consent", "missing_value"),
        ],
    )  # fmt: skip
    def test_is_refused_by_its_column_when_it_cannot_be_read(
        self, fields: dict[str, str], field: str, code: str
    ) -> None:
        with pytest.raises(RowError) as refused:
            agreed(**fields)
        assert (refused.value.field, refused.value.code) == (field, code)

    def test_is_said_as_the_row_says_or_else_as_the_mapping_does(self) -> None:
        assert agreed(to="是", how="电话")["how"] == "call"
        assert agreed(to="是")["how"] == "form"
        with pytest.raises(RowError) as refused:
            agreed(ConsentSpec(), to="是")
        assert (refused.value.field, refused.value.code) == ("consent_how", "missing_value")

    @pytest.mark.parametrize(
        ("text", "at"),
        [
            ("2026-03-01", NOON - timedelta(days=1)), ("2026年3月2日", NOON),
            ("2026-03-03", NOON + timedelta(days=1)),
            ("2026-03-02 09:30", NOON - timedelta(hours=2, minutes=30)),
            ("2026-03-02T03:00:00Z", NOON - timedelta(hours=1)),
        ],
    )  # fmt: skip
    def test_is_of_noon_there_when_only_a_day_is_told(self, text: str, at: datetime) -> None:
        assert datetime.fromisoformat(agreed(to="是", at=text)["at"]) == at

    def test_is_of_now_when_today_has_not_come_to_noon(self) -> None:
        now = NOON - timedelta(hours=2)
        found = consent_of({"consent": "是", "consent_at": "2026-03-02"}, FORM, SHANGHAI, now)
        assert found is not None
        assert datetime.fromisoformat(found["at"]) == now

    def test_names_the_notice_when_the_mapping_does(self) -> None:
        shown = ConsentSpec.model_validate({"how": "paper", "notice_id": NOTICE, "notice_version": "2"})
        assert agreed(shown, to="是") == {
            "purposes": ["contact"], "how": "paper", "notice_id": NOTICE, "notice_version": 2,
        }  # fmt: skip
