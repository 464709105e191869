"""Functions, classes, imports and lines that nothing uses: `python -m deploy.cli._dead_code`.

Fields of models and tables are left out: they are used by name, from outside. What a framework calls is named
below; anything else that only looks dead says so where it stands, with `# noqa: V…` and the reason.
"""

from __future__ import annotations

import sys

from vulture import Vulture

from deploy.local.home import ROOT

FOLDERS = ("services", "shared", "deploy", "tests")
KINDS = frozenset({"function", "method", "class", "property", "import", "unreachable_code"})
CALLED_BY_DECORATOR = [
    "@*.batch", "@*.get", "@*.post", "@*.patch", "@*.put", "@*.delete", "@*.on", "@*.on_*", "@computed_field",
    "@event.*", "@field_*", "@model_*", "@pytest.*", "@hypothesis.*", "@given*",
    "@rule*", "@invariant*", "@initialize*",
]  # fmt: skip
CALLED_BY_NAME = [
    # pytest, xdist, alembic, http.server, uvicorn, aiokafka's listener, hypothesis, pydantic, rich
    "Test*", "test_*", "pytest_*", "upgrade", "downgrade", "on_partitions_*", "partition", "model_config",
    "do_GET", "do_POST", "log_message", "log_request", "render", "__rich*", "capture_signals",
    "send_400_response", "teardown", "datagram_received", "_split_scope",
]  # fmt: skip


def main() -> int:
    vulture = Vulture(ignore_names=CALLED_BY_NAME, ignore_decorators=CALLED_BY_DECORATOR)
    vulture.scavenge([str(ROOT / folder) for folder in FOLDERS])
    found = [item for item in vulture.get_unused_code(min_confidence=60) if item.typ in KINDS]
    for item in found:
        print(f"{item.filename.relative_to(ROOT)}:{item.first_lineno}: {item.message}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
