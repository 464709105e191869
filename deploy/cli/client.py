"""The public API as commands use it: with the CLI's own key, problems turned into clear errors."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from deploy.cli import running
from deploy.cli.bootstrap import CLI_KEY
from deploy.cli.errors import CommandError
from deploy.local import credentials

Query = Mapping[str, str | int | None]


class Refused(CommandError):
    """The gateway answered with a problem; `status` is that of HTTP."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Unreachable(CommandError):
    """Nothing answers at the gateway's address."""


class Client:
    """Blocking calls to one gateway. Every call raises CommandError with the problem's own words."""

    def __init__(self, url: str, key: str, timeout_s: float = 60.0) -> None:
        self.url, self.key, self._timeout_s = url, key, timeout_s

    @classmethod
    def of_running_copy(cls) -> Client:
        """The copy that COX_HOME names. Raises CommandError where none runs."""
        state = running.running_state()
        key = credentials.read(running.home(), CLI_KEY)
        if key is None:
            raise CommandError("the command's own key is missing in COX_HOME: run ./cox down, then ./cox up")
        return cls(state.url, key)

    def get(self, path: str, query: Query | None = None, headers: Mapping[str, str] | None = None) -> Any:
        """The decoded JSON of a GET."""
        return self._call("GET", path, query, None, headers)

    def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Any:
        """The decoded JSON of a POST of JSON; None where the answer is empty."""
        return self._call("POST", path, None, json.dumps(body).encode(), headers)

    def put(self, path: str, body: Any) -> Any:
        """The decoded JSON of a PUT of JSON."""
        return self._call("PUT", path, None, json.dumps(body).encode(), None)

    def send(self, path: str, body: Iterable[bytes], headers: Mapping[str, str]) -> Any:
        """The decoded JSON of a POST of anything; `headers` say what it is and how long."""
        return self._call("POST", path, None, body, headers)

    def pages(self, path: str, query: Query | None = None) -> Iterator[Any]:
        """The items of all pages of a list."""
        cursor: str | None = None
        while True:
            page = self.get(path, {**(query or {}), "cursor": cursor, "limit": 500})
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def _call(
        self,
        method: str,
        path: str,
        query: Query | None,
        body: bytes | Iterable[bytes] | None,
        headers: Mapping[str, str] | None,
    ) -> Any:
        given = {name: value for name, value in (query or {}).items() if value is not None}
        url = self.url + path + ("?" + urllib.parse.urlencode(given) if given else "")
        sent = {"Authorization": f"Bearer {self.key}", "Accept": "application/json", **(headers or {})}
        if isinstance(body, bytes):
            sent["Content-Type"] = "application/json"
        request = urllib.request.Request(url, data=body, headers=sent, method=method)  # noqa: S310 - our own
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as answer:  # noqa: S310 - as above
                content = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise Refused(error.code, problem_text(error.code, error.read())) from None
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"{self.url} does not answer: {error}") from error
        return json.loads(content) if content else None


def problem_text(status: int, content: bytes) -> str:
    """The words of a problem document; the bare status where there is none."""
    try:
        problem = json.loads(content)
        fields = "; ".join(f"{each['pointer']}: {each['detail']}" for each in problem.get("errors") or ())
        return f"{problem.get('detail') or problem['title']}" + (f" ({fields})" if fields else "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"the gateway answered {status}"
