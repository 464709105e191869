"""Pages' calls are read as they are written, and told apart from answers that they do not show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.calls import Call, calls_of, differences

PAGE = """# A page

```http
POST /v1/things
{"name": "a",
 "parent_id": "{root_id}"}

201 {"id": "{thing_id}",
     "size": "…"}
```

```
GET /no/call
```

```http
DELETE /v1/things/{thing_id}

204
```
"""


class TestCallsOf:
    def test_each_block_is_a_call_when_it_says_so(self, tmp_path: Path) -> None:
        page = tmp_path / "page.md"
        page.write_text(PAGE, encoding="utf-8")
        first, second = calls_of(page)
        assert (first.method, first.status, first.answer) == ("POST", 201, {"id": "{thing_id}", "size": "…"})
        assert first.ready({"root_id": "r"}) == ("/v1/things", {"name": "a", "parent_id": "r"})
        assert second == Call("DELETE", "/v1/things/{thing_id}", "", 204, None)
        with pytest.raises(KeyError):
            second.ready({})


class TestDifferences:
    @pytest.mark.parametrize(
        ("shown", "told", "said"),
        [
            ({"a": 1}, {"a": 1, "more": 2}, []),
            ({"a": 1}, {"a": 2}, ["/a: shown 1, told 2"]),
            ({"a": 1}, {}, ["/a: not there"]),
            ({"a": "…"}, {"a": [1]}, []),
            ([{"a": 1}], [{"a": 3}], ["/0/a: shown 1, told 3"]),
            ([1], [1, 2], [": shown [1], told [1, 2]"]),
            ({"a": "{known}"}, {"a": "k"}, []),
            ({"a": "{known}"}, {"a": "x"}, ["/a: shown 'k', told 'x'"]),
        ],
    )
    def test_named_by_their_place_when_there_are_some(self, shown: Any, told: Any, said: list[str]) -> None:
        assert differences(shown, told, {"known": "k"}) == said

    def test_an_id_is_known_when_it_was_shown_once(self) -> None:
        ids: dict[str, str] = {}
        assert differences({"a": "{new}", "b": "{new}"}, {"a": "1", "b": "2"}, ids) == [
            "/b: shown '1', told '2'"
        ]
        assert ids == {"new": "1"}
