"""What the product logs inside a test goes to pytest, never to stdout: that is a command's answer."""

from __future__ import annotations

import structlog


def log_into_pytest() -> None:
    """Send structured logs through the standard library, as lines of key=value."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
