"""The first file a newcomer runs: what it does before there is an environment."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import io
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


def _no_pip(package: dict[str, Any]) -> Path:
    """pip"""
    raise OSError("ensurepip is not there")
