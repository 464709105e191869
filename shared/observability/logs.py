"""Structured logs: one JSON object per line, with the trace it belongs to and without secrets."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import orjson
import structlog
from opentelemetry import trace
from structlog.typing import EventDict, Processor

from shared.settings import Settings

_SECRET_WORDS = (
    "password",
    "secret",
    "token",
    "authorization",
    "api_key",
    "cookie",
    "signature",
    "postgres_url",
)
_HIDDEN = "[hidden]"
_CHATTY = {"aiokafka": "WARNING", "asyncio": "WARNING", "alembic": "WARNING", "uvicorn.access": "WARNING"}


def _is_secret(name: object) -> bool:
    return isinstance(name, str) and any(word in name.lower() for word in _SECRET_WORDS)


def hide_secrets(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Values whose name sounds like a secret are never written, at any depth."""
    return {key: _HIDDEN if _is_secret(key) else _without_secrets(value) for key, value in event.items()}


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _HIDDEN if _is_secret(key) else _without_secrets(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_secrets(item) for item in value]
    return value


def add_trace(_logger: object, _method: str, event: MutableMapping[str, Any]) -> EventDict:
    """The trace that was under way, so that a problem's `trace_id` finds its lines."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = format(context.trace_id, "032x")
    return dict(event)


def _as_json(value: Any, **_: Any) -> str:
    options = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
    try:
        return orjson.dumps(value, default=repr, option=options).decode()
    except (TypeError, ValueError):  # a lone surrogate, an integer beyond 64 bits
        return json.dumps(value, default=repr, skipkeys=True)


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        add_trace,
        hide_secrets,
    ]


def setup_logs(settings: Settings, service: str, process: str) -> None:
    """Everything that is logged in this process, libraries included, goes to stdout in one shape."""
    _setup(sys.stdout, settings.log_level, as_json=settings.log_format == "json")
    structlog.contextvars.bind_contextvars(service=service, process=process)


def setup_command_logs() -> None:
    """For a command line: warnings and worse, on stderr, since stdout is the command's answer."""
    _setup(sys.stderr, "warning", as_json=False)


def _setup(stream: TextIO, level: str, *, as_json: bool) -> None:
    renderer: list[Processor] = [structlog.dev.ConsoleRenderer(colors=stream.isatty())]
    if as_json:
        renderer = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_as_json),
        ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared_processors(),
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name, least in _CHATTY.items():
        logging.getLogger(name).setLevel(least)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.clear_contextvars()


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger: `log.info("lead_assigned", lead_id=str(lead.id))`. Never pass personal data."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
