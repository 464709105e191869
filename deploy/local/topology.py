"""The system's map: which processes there are, which sockets they serve and what they are told."""

from __future__ import annotations

import importlib
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deploy.local import credentials
from deploy.local.home import Home, LocalError
from deploy.local.ports import listen
from shared.settings import Settings
from shared.web.relief import Relief

SERVICES = ("gateway", "leads", "activities", "scoring")
MOST_PER_ROLE = 16


@dataclass(frozen=True)
class Scale:
    """How many processes each service has, by (service, role)."""

    counts: Mapping[tuple[str, str], int]

    @classmethod
    def parse(cls, text: str | None) -> Scale:
        """`scoring=2,scoring-app=2`: workers by the service's name, HTTP processes by `-app`.

        Raises LocalError naming the part that is wrong.
        """
        counts: dict[tuple[str, str], int] = {}
        for part in filter(None, (piece.strip() for piece in (text or "").split(","))):
            match = re.fullmatch(r"([a-z]+)(?:-(app|worker))?=([0-9]{1,3})", part)
            if match is None or match[1] not in SERVICES or not 1 <= int(match[3]) <= MOST_PER_ROLE:
                raise LocalError(
                    f"--scale: {part!r} is not SERVICE=N or SERVICE-app=N with a service of"
                    f" {', '.join(SERVICES)} and N from 1 to {MOST_PER_ROLE}"
                )
            counts[match[1], match[2] or "worker"] = int(match[3])
        return cls(counts)

    def of(self, service: str, role: str) -> int:
        return self.counts.get((service, role), 1)


@dataclass(frozen=True)
class ServiceProcess:
    """One process of a service. HTTP processes of a service share `public`, its listening socket."""

    service: str
    role: str
    number: int
    public: socket.socket | None
    internal: socket.socket

    @property
    def name(self) -> str:
        return f"{self.service}-{self.role}-{self.number}"

    def main(self, relief: Relief | None = None) -> None:
        """Run it, in a process of its own; returns when it has ended cleanly."""
        module = importlib.import_module(f"services.{self.service}.{self.role}")
        run: Callable[..., None] = module.main
        if self.public is None:
            run(self.internal)
        else:
            run(self.public, self.internal, relief)


def port_of(sock: socket.socket | None) -> int | None:
    return None if sock is None else int(sock.getsockname()[1])


def _origin(sock: socket.socket | None) -> str:
    return f"http://127.0.0.1:{port_of(sock)}"


@dataclass(frozen=True)
class Topology:
    """Every process of the four services, with its sockets open and waiting."""

    processes: tuple[ServiceProcess, ...]

    @classmethod
    def open(cls, settings: Settings, scale: Scale) -> Topology:
        """Open all sockets. Raises LocalError where the gateway's port is taken."""
        processes = []
        for service in SERVICES:
            public = _public_socket(service, settings)
            for role, sock in (("app", public), ("worker", None)):
                processes += [
                    ServiceProcess(service, role, number, sock, listen("127.0.0.1", 0))
                    for number in range(1, scale.of(service, role) + 1)
                ]
        return cls(tuple(processes))

    def first(self, service: str, role: str) -> ServiceProcess:
        return next(each for each in self.processes if (each.service, each.role) == (service, role))

    @property
    def gateway_internal_url(self) -> str:
        return _origin(self.first("gateway", "app").internal)

    @property
    def service_urls(self) -> dict[str, str]:
        """Where the gateway finds each service."""
        return {each: _origin(self.first(each, "app").public) for each in SERVICES if each != "gateway"}

    def environment(
        self, settings: Settings, home: Home, postgres_url: str, kafka_bootstrap: str, public_url: str
    ) -> dict[str, str]:
        """What every process is told by its environment."""
        told = {f"COX_SERVICE_{service.upper()}_URL": url for service, url in self.service_urls.items()}
        return (
            told
            | credentials.environment(home, settings)
            | {
                "COX_HOME": str(home.path),
                "COX_PUBLIC_URL": public_url,
                "COX_POSTGRES_URL": postgres_url,
                "COX_KAFKA_BOOTSTRAP": kafka_bootstrap,
                "COX_GATEWAY_INTERNAL_URL": self.gateway_internal_url,
            }
        )


def _public_socket(service: str, settings: Settings) -> socket.socket:
    if service != "gateway":
        return listen("127.0.0.1", 0)
    try:
        return listen(settings.host, settings.port)
    except OSError as error:
        raise LocalError(
            f"{settings.host}:{settings.port} cannot be listened on ({error.strerror}): set COX_PORT"
            " to a free port, or end what uses it"
        ) from error
