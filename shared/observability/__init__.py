"""What the running system tells: logs (one JSON object a line), metrics (one described list), traces (W3C).

Owns no data; every process calls `setup` once, after it was forked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.settings import Settings


def setup(settings: Settings, service: str, process: str) -> None:
    """Logs and traces of this process; `process` is its name in the logs, such as `leads-worker-1`."""
    # Here and not above: a command that only logs does not pay for the tracing library.
    from shared.observability.logs import setup_logs
    from shared.observability.traces import setup_traces

    setup_logs(settings, service, process)
    setup_traces(settings, service, process)
