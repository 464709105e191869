"""The launcher: the one parent of PostgreSQL, Kafka and all service processes of a copy.

`python -m deploy.local.launcher [--scale …] [--parent PID]`. It tells its state in COX_HOME (see `state`),
ends on SIGTERM after stopping everything, and if it is killed the kernel ends its children.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import IO, Literal

from deploy.local import credentials, spawning
from deploy.local.child import Child, Spec
from deploy.local.guard import end_with_parent
from deploy.local.home import Home, LocalError
from deploy.local.kafka import EmbeddedKafka
from deploy.local.kafka_jars import jars
from deploy.local.kafka_startup import with_cache
from deploy.local.ports import free_port
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.prepare import prepare
from deploy.local.state import Identity, Phase, ProcessState, State
from deploy.local.supervisor import Supervisor
from deploy.local.topology import Scale, ServiceProcess, Topology, port_of
from deploy.local.warm import warm_up
from shared.settings import Settings
from shared.web.relief import Relief


def lock(home: Home) -> IO[str]:
    """Hold COX_HOME for this launcher. Raises LocalError where another one holds it."""
    held = home.lock.open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LocalError(
            f"another copy runs on {home.path}: stop it by ./cox down, or set COX_HOME"
        ) from None
    return held


class Launcher:
    """One run, from the first folder to the last process stopped."""

    def __init__(self, settings: Settings, home: Home, scale: Scale) -> None:
        self.settings, self.home = settings, home
        self.phase: Phase = "starting"
        self.message = "preparing"
        self.topology = Topology.open(settings, scale)
        self.supervisor = Supervisor(self.tell)
        self.postgres = self._own_postgres()
        self.kafka = self._own_kafka()
        self.servers: list[Child] = []
        self.services: list[Child] = []

    def _own_postgres(self) -> EmbeddedPostgres | None:
        if "postgres_url" in self.settings.model_fields_set:
            return None
        return EmbeddedPostgres(
            self.home.postgres, free_port(), credentials.secret(self.home, "postgres_password")
        )

    def _own_kafka(self) -> EmbeddedKafka | None:
        if "kafka_bootstrap" in self.settings.model_fields_set:
            return None
        return with_cache(EmbeddedKafka(self.home.kafka, free_port(), free_port(), tuple(jars())))

    @property
    def postgres_url(self) -> str:
        return self.postgres.url if self.postgres else self.settings.postgres_url.get_secret_value()

    @property
    def kafka_bootstrap(self) -> str:
        return self.kafka.bootstrap if self.kafka else self.settings.kafka_bootstrap

    @property
    def url(self) -> str:
        if "public_url" in self.settings.model_fields_set:
            return self.settings.public_url
        host = "127.0.0.1" if self.settings.host in ("0.0.0.0", "::") else self.settings.host  # noqa: S104
        return f"http://{host}:{self.settings.port}"

    def run(self) -> None:
        """Start everything, keep it running, stop it when told to."""
        self.say("starting", "starting PostgreSQL and Kafka")
        try:
            self._start_servers()
            warm_up()
            self._prepare()
            if not self.supervisor.stopping:
                self._start_services()
                self.say("running", "all processes started")
                self.supervisor.run()
        finally:
            if self.phase != "failed":
                self.say("stopping", "stopping")
            self.supervisor.stop([self.services, self.servers[:1], self.servers[1:]])
            self.tell()

    def _start_servers(self) -> None:
        own = [server for server in (self.kafka, self.postgres) if server is not None]
        with ThreadPoolExecutor(2) as pool:
            for made in [pool.submit(server.initialise) for server in own]:
                made.result()
        # Kafka first: it is stopped first too, and it takes longer to come up.
        for server in own:
            name = "kafka" if isinstance(server, EmbeddedKafka) else "postgres"
            command, log = server.command(os.getpid()), self.home.logs / f"{name}.log"
            start = partial(spawning.program, command, server.environment(), log)
            clean, hard = (
                (signal.SIGTERM, signal.SIGKILL) if name == "kafka" else (signal.SIGINT, signal.SIGQUIT)
            )
            spec = Spec(name, start, clean, hard, patience_s=20, port=server.port)
            self.servers.append(self.supervisor.keep(spec))

    def _environment(self) -> dict[str, str]:
        return self.topology.environment(
            self.settings, self.home, self.postgres_url, self.kafka_bootstrap, self.url
        )

    def _prepare(self) -> None:
        self.say("starting", "preparing databases and topics")
        environment, log = self._environment(), self.home.logs / "prepare.log"
        log.unlink(missing_ok=True)
        work = partial(spawning.forked, lambda: prepare(Settings.load()), environment, log)
        code = self.supervisor.run_once(Spec("prepare", work))
        if code not in (0, None):
            last = log.read_text(errors="replace").strip().splitlines() or ["no reason given"]
            raise LocalError(f"the databases and topics could not be prepared: {last[-1]} (all of it: {log})")

    def _start_services(self) -> None:
        environment = self._environment()
        for process in self.topology.processes:
            self.services.append(self.supervisor.keep(self._service_spec(process, environment)))

    def _service_spec(self, process: ServiceProcess, environment: dict[str, str]) -> Spec:
        internal, log = port_of(process.internal), self.home.logs / f"{process.name}.log"

        def start_on(line: int) -> int:
            return spawning.forked(partial(process.main, Relief(line)), environment, log)

        if process.public is None:
            start = partial(spawning.forked, process.main, environment, log)
            return Spec(process.name, start, port=internal, internal_port=internal)
        # Whoever serves the public is relieved, not just started again: nobody waits for it.
        return Spec(
            process.name,
            start_on=start_on,
            stop_signal=signal.SIGINT,
            port=port_of(process.public),
            internal_port=internal,
        )

    def say(self, phase: Phase, message: str) -> None:
        self.phase, self.message = phase, message
        self.tell()

    def tell(self) -> None:
        """Write the state file. A full disk must not end what runs."""
        try:
            self._state().save(self.home.state)
        except OSError as error:
            print(f"cox: the state cannot be written: {error}", file=sys.stderr, flush=True)

    def _state(self) -> State:
        told = [
            _external(name)
            for name, own in (("postgres", self.postgres), ("kafka", self.kafka))
            if own is None
        ]
        told += [_state_of(child) for child in [*self.servers, *self.services]]
        return State(
            self.phase,
            self.message,
            Identity.of(os.getpid()),
            self.url,
            self.topology.gateway_internal_url,
            self.postgres_url,
            self.kafka_bootstrap,
            self.topology.service_urls,
            told,
        )


def _external(name: str) -> ProcessState:
    return ProcessState(name, "external", None, None, None, 0)


def _state_of(child: Child) -> ProcessState:
    state: Literal["running", "waiting", "stopped"] = "running"
    if child.pid is None:
        state = "stopped" if child.due_at is None else "waiting"
    identity = None if child.pid is None else Identity.of(child.pid)
    return ProcessState(
        child.spec.name, state, identity, child.spec.port, child.spec.internal_port, max(child.restarts, 0)
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale")
    parser.add_argument("--parent", type=int, help="end when this process, our parent, does")
    arguments = parser.parse_args()
    if arguments.parent:
        end_with_parent(int(signal.SIGTERM), arguments.parent)
    launcher = None
    try:
        settings = Settings.load()
        home = Home.of(settings)
        home.create()
        held = lock(home)
        os.set_inheritable(held.fileno(), False)
        launcher = Launcher(settings, home, Scale.parse(arguments.scale))
        launcher.run()
    except LocalError as error:
        if launcher is not None:
            launcher.say("failed", str(error))
        sys.exit(f"cox: {error}")


if __name__ == "__main__":
    main()
