"""The gateway's own settings, beside those of every process."""

from __future__ import annotations

from pydantic import Field

from shared.settings import Origin, Settings


class GatewaySettings(Settings):
    """What only the gateway reads."""

    cors_origins: list[Origin] = Field(
        default=[],
        description="Origins whose browser pages may call the API, as a JSON list; none by default.",
    )
    upstream_timeout_s: float = Field(
        default=60.0,
        ge=31,
        description="Seconds that the gateway waits for a silent service; waits may take 30.",
    )
    live_ring_s: int = Field(
        default=600,
        ge=1,
        description="Seconds of events that a gateway keeps for live streams to resume from.",
    )
