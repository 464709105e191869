from __future__ import annotations

import json
import random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Message

from shared.errors import Invalid
from shared.web.bodies import BadJson, BodyTooLarge, ClientGone, parse_json, read_body, refuse_unstorable

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | INT64 | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


class TestParseJson:
    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    @given(VALUES, st.sampled_from([None, 1]), st.booleans())
    def test_the_same_value_when_written_in_any_style(
        self, value: Any, indent: int | None, ascii_: bool
    ) -> None:
        for separators in (None, (",", " : ")):
            text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=ascii_)
            assert parse_json(text.encode()) == value

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"NaN",
            b"[Infinity]",
            b"[-Infinity]",
            b"[1e999]",
            b'"\xff"',
            b'"\\ud800"',
            b'{"\\udfff":1}',
            b"\xef\xbb\xbf{}",
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b"[" * 900 + b'"0123456789012345678"' + b"]" * 900 + b"]",
            b"{'a':1}",
            b"[1,]",
            b"01",
        ],
    )
    def test_refused_when_not_json_as_we_accept_it(self, body: bytes) -> None:
        with pytest.raises(BadJson):
            parse_json(body)

    @pytest.mark.parametrize(
        "body",
        [
            b'{"a":1,"a":2}',
            b'{"a" :1,"a":2}',
            b'{"a"\n:1,"a":2}',
            b'{"a":1,"\\u0061":2}',
            b'{"x":"\\":","a":1,"a":2}',
            b'{"x":{"a":1,"b":[{"c":1,"c":1}]}}',
            b'{"x":"y\\":","a" :1,"a":2}',
        ],
    )
    def test_refused_when_a_key_stands_twice(self, body: bytes) -> None:
        with pytest.raises(BadJson, match="twice"):
            parse_json(body)

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            (b'{"a":["x","\\u0000"]}', "/a/1"),
            (b'{"a":{"b\\u0000":1}}', "/a"),
            (b'"\\u0000"', None),
        ],
    )
    def test_refused_when_a_nul_hides_in_it(self, body: bytes, pointer: str | None) -> None:
        if pointer is None:
            assert parse_json(body) == "\0"  # no body of ours is a bare string
            return
        with pytest.raises(Invalid) as refused:
            parse_json(body)
        assert [error.pointer for error in refused.value.errors] == [pointer]

    @pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**23, 2**64, 10**400])
    def test_refused_when_a_whole_number_has_over_64_bits(self, number: int) -> None:
        with pytest.raises((Invalid, BadJson)):
            parse_json(b'{"a":%d}' % number)

    @pytest.mark.parametrize(
        "body", ['{"a": %d}', '{"a":\n\t%d}', '{"a" :%d}', "[%d]", "[1,%d]", "[1, %d ]", '[{"a":[[%d]]}]']
    )
    @pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**64, 10**40])
    def test_refused_when_a_number_with_over_64_bits_stands_anywhere(self, body: str, number: int) -> None:
        with pytest.raises((Invalid, BadJson)):
            parse_json((body % number).encode())

    @pytest.mark.parametrize("value", [2**63, -(2**63) - 1, [2**63], {"a": 2**64 - 1}])
    def test_refused_when_an_item_is_or_holds_a_number_with_over_64_bits(self, value: Any) -> None:
        with pytest.raises(Invalid):
            refuse_unstorable(value)

    def test_each_is_left_to_its_item_when_items_answer_for_themselves(self) -> None:
        body = b'{"items":[{"a/b":100000000000000000000000},{"name":"\\u0000"},{"name":"good"}]}'
        big, nul, good = parse_json(body, per_item=True)["items"]
        refuse_unstorable(good, "/items/2")
        for item, pointer in ((big, "/items/0/a~1b"), (nul, "/items/1/name")):
            with pytest.raises(Invalid) as refused:
                refuse_unstorable(item, pointer[:8])
            assert [error.pointer for error in refused.value.errors] == [pointer]

    def test_accepted_when_digits_or_escapes_stand_in_text(self) -> None:
        body = {"a": "12345678901234567890123", "b": "\\u0000 as text", "c": 2**63 - 1, "d": -(2**63)}
        assert parse_json(orjson.dumps(body)) == body

    def test_every_repeated_key_is_found_when_bodies_are_random(self) -> None:
        chance = random.Random(7)
        for _ in range(300):
            keys = [chance.choice(["a", 'q":', "b ", "\\", "k:"]) for _ in range(chance.randint(1, 5))]
            colons = [chance.choice([":", " :", "\t: "]) for _ in keys]
            text = (
                "{" + ",".join(json.dumps(k) + c + '"v\\":"' for k, c in zip(keys, colons, strict=True)) + "}"
            )
            if len(set(keys)) == len(keys):
                assert len(parse_json(text.encode())) == len(keys)
            else:
                with pytest.raises(BadJson):
                    parse_json(text.encode())


def sending(*chunks: bytes, gone: bool = False) -> Any:
    waiting = list(chunks)

    async def receive() -> Message:
        if gone and not waiting:
            return {"type": "http.disconnect"}
        chunk = waiting.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(waiting) or gone}

    return receive


class TestReadBody:
    async def test_whole_when_it_comes_in_chunks(self) -> None:
        assert await read_body(sending(b"a", b"", b"bc"), 3, None) == b"abc"

    async def test_refused_when_chunks_exceed_the_limit(self) -> None:
        with pytest.raises(BodyTooLarge):
            await read_body(sending(b"ab", b"cd", b"never read"), 3, None)

    @pytest.mark.parametrize("declared", ["4", "9" * 400, "-1", "x", ""])
    async def test_refused_before_reading_when_the_declared_length_is_too_much(self, declared: str) -> None:
        with pytest.raises(BodyTooLarge):
            await read_body(sending(), 3, declared)

    async def test_given_up_when_the_client_leaves(self) -> None:
        with pytest.raises(ClientGone):
            await read_body(sending(b"a", gone=True), 10, None)
