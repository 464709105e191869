"""What the running system tells: logs (one JSON object a line), metrics (one described list), traces (W3C).

Owns no data; every process calls `setup` once, after it was forked.
"""

from __future__ import annotations

from shared.observability.logs import setup_logs
from shared.observability.traces import setup_traces
from shared.settings import Settings


def setup(settings: Settings, service: str, process: str) -> None:
    """Logs and traces of this process; `process` is its name in the logs, such as `leads-worker-1`."""
    setup_logs(settings, service, process)
    setup_traces(settings, service, process)


__all__ = ["setup", "setup_logs", "setup_traces"]
