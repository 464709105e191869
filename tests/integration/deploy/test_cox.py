"""The first file a newcomer runs: what it does before there is an environment."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import io
import sys
import zipfile
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def cox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_loader("cox", SourceFileLoader("cox", str(ROOT / "cox")))
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    assert spec.loader is not None
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "TOOLS", tmp_path / "tools")
    return module


def wheel_of_uv() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("uv-0.0.0.data/scripts/uv", "#!/bin/sh\necho a uv\n")
    return packed.getvalue()


def serve(cox: Any, monkeypatch: pytest.MonkeyPatch, data: bytes, hash_of: bytes) -> dict[str, Any]:
    """Let the download answer `data`, with a lock that pins the hash of `hash_of`."""
    monkeypatch.setattr(cox.urllib.request, "urlopen", lambda *_, **__: io.BytesIO(data))
    name = "-".join(["uv", *cox.wheel_tags()])
    return {
        "version": "0",
        "wheels": [{"url": name, "hash": "sha256:" + hashlib.sha256(hash_of).hexdigest()}],
    }


class TestOldPythons:
    def test_file_is_understood_when_python_is_far_too_old(self) -> None:
        ast.parse((ROOT / "cox").read_text(encoding="utf-8"), feature_version=(3, 4))


class TestPython:
    """Of `.venv`: the system's where whoever started `cox` is slower and of the same version."""

    def test_system_s_is_taken_when_this_one_was_built_without_a_profile(
        self, cox: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        system = _python(tmp_path, fits=True)
        assert _chosen(cox, monkeypatch, system, built="--enable-shared") == system

    @pytest.mark.parametrize(
        ("built", "platform"), [("'--enable-optimizations' '--with-lto'", "linux"), ("", "darwin")]
    )
    def test_this_one_is_taken_when_it_is_as_fast_or_nothing_is_known_of_the_system_s(
        self, cox: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, built: str, platform: str
    ) -> None:
        system = _python(tmp_path, fits=True)
        monkeypatch.setattr(cox.sys, "platform", platform)
        assert _chosen(cox, monkeypatch, system, built=built) == sys.executable

    def test_this_one_is_taken_when_the_system_s_is_of_another_version(
        self, cox: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        system = _python(tmp_path, fits=False)
        assert _chosen(cox, monkeypatch, system, built="") == sys.executable

    def test_this_one_is_taken_when_the_system_has_none(
        self, cox: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        assert _chosen(cox, monkeypatch, str(tmp_path / "none"), built="") == sys.executable


class TestUv:
    def test_lock_pins_a_wheel_when_this_platform_asks(self, cox: Any) -> None:
        names = [wheel["url"] for wheel in cox.locked_uv()["wheels"]]
        assert [name for name in names if all(tag in name for tag in cox.wheel_tags())]

    def test_uv_of_the_wheel_runs_when_its_hash_matches(
        self, cox: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wheel = wheel_of_uv()
        found = cox.uv_by_wheel(serve(cox, monkeypatch, wheel, hash_of=wheel))
        assert cox.works([str(found)])

    def test_wheel_is_refused_when_its_hash_differs(self, cox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        package = serve(cox, monkeypatch, wheel_of_uv(), hash_of=b"what was locked")
        with pytest.raises(RuntimeError, match=r"hash in uv\.lock"):
            cox.uv_by_wheel(package)
        assert not cox.TOOLS.exists()

    def test_wheel_is_fetched_when_pip_does_not_work(self, cox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        wheel = wheel_of_uv()
        package = serve(cox, monkeypatch, wheel, hash_of=wheel)
        monkeypatch.setattr(cox, "locked_uv", lambda: package)
        monkeypatch.setattr(cox, "uv_by_pip", _no_pip)
        assert Path(cox.own_uv()).parent == cox.TOOLS / "bin"


def _python(folder: Path, *, fits: bool) -> str:
    """A program that answers as a Python that fits, or does not."""
    program = folder / "python3"
    program.write_text(f"#!/bin/sh\nexit {0 if fits else 1}\n")
    program.chmod(0o755)
    return str(program)


def _chosen(cox: Any, monkeypatch: pytest.MonkeyPatch, system: str, *, built: str) -> str:
    monkeypatch.setattr(cox, "SYSTEM_PYTHON", system)
    monkeypatch.setattr(cox.sys, "base_prefix", "/opt/python")
    monkeypatch.setattr(cox.sysconfig, "get_config_var", lambda name: built)
    chosen: str = cox.best_python()
    return chosen


def _no_pip(package: dict[str, Any]) -> Path:
    """pip"""
    raise OSError("ensurepip is not there")
