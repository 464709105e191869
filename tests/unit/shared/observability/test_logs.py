"""Logs: one JSON object a line, with its trace, without secrets, whatever is logged."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from shared.observability.logs import get_logger, setup_command_logs, setup_logs
from shared.observability.traces import current_trace_id, span
from shared.settings import Settings
from tests.support.logs import log_into_pytest


@pytest.fixture(autouse=True)
def _logs() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.handlers, root.level)
    yield
    root.handlers, root.level = before[0], before[1]
    log_into_pytest()
    structlog.contextvars.clear_contextvars()


def logged(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    line: dict[str, object] = json.loads(lines[0])
    return line


class TestLine:
    def test_names_service_process_and_trace_when_logged_in_a_span(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        setup_logs(Settings(), "leads", "leads-app-1")
        with span("request"):
            expected = current_trace_id()
            get_logger("intake").info("lead_created", count=3)
        line = logged(capsys)
        assert line["trace_id"] == expected
        assert (line["service"], line["process"], line["event"], line["count"]) == (
            "leads",
            "leads-app-1",
            "lead_created",
            3,
        )

    def test_hides_secrets_when_they_are_nested(self, capsys: pytest.CaptureFixture[str]) -> None:
        setup_logs(Settings(), "gateway", "gateway-app-1")
        get_logger("auth").warning(
            "refused", headers={"Authorization": "Bearer cox_1"}, items=[{"password": "cox_1"}]
        )
        assert "cox_1" not in json.dumps(logged(capsys))

    def test_stays_readable_when_the_value_is_no_valid_text(self, capsys: pytest.CaptureFixture[str]) -> None:
        setup_logs(Settings(), "leads", "leads-app-1")
        get_logger("intake").info("odd", name="\ud800", big=10**30, what=object)
        assert logged(capsys)["event"] == "odd"

    def test_has_the_same_shape_when_a_library_logs(self, capsys: pytest.CaptureFixture[str]) -> None:
        setup_logs(Settings(), "leads", "leads-app-1")
        logging.getLogger("some.library").error("it %s", "broke", extra={"where": "there"})
        line = logged(capsys)
        assert (line["event"], line["level"], line["where"], line["service"]) == (
            "it broke",
            "error",
            "there",
            "leads",
        )

    def test_carries_the_stack_when_an_exception_is_logged(self, capsys: pytest.CaptureFixture[str]) -> None:
        setup_logs(Settings(), "leads", "leads-app-1")
        try:
            raise ValueError("no such stage")
        except ValueError:
            get_logger("pipeline").exception("failed")
        assert "no such stage" in str(logged(capsys)["exception"])


class TestCommandLine:
    def test_the_answers_stream_stays_clean_when_something_is_logged(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        setup_command_logs()
        get_logger("rebuild").warning("consumer_stopped", why="a hole")
        get_logger("rebuild").info("progress")
        told = capsys.readouterr()
        assert told.out == ""
        assert "a hole" in told.err
        assert "progress" not in told.err
