"""Values that nobody means: as JSON, in an address, in a header, as rows of a file."""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass

MIB = 1024 * 1024
LIMIT = 2 * MIB
"""Of a body."""
DEEP = 100_000


@dataclass(frozen=True, slots=True)
class Value:
    """`raw` is JSON, or what would be. `never`: nowhere may it be accepted."""

    name: str
    raw: bytes
    never: bool = False


JSON_VALUES = (
    Value("NUL", rb'"a\u0000b"', never=True),
    Value("NUL as key", rb'{"\u0000": 1}', never=True),
    Value("a lone surrogate", rb'"\ud800"', never=True),
    Value("a pair the wrong way round", rb'"\udc00\ud800"', never=True),
    Value("NaN", b"NaN", never=True),
    Value("Infinity", b"-Infinity", never=True),
    Value("1e400", b"1e400", never=True),
    Value("10^23", b"100000000000000000000000", never=True),
    Value("a number of 5,000 digits", b"9" * 5000, never=True),
    Value("an override of direction", '"a\u202egpj.exe"'.encode(), never=True),
    Value("an isolate of direction", '"a\u2066b"'.encode(), never=True),
    Value("a control character", rb'"a\u0007b"', never=True),
    Value("a key twice", b'{"a": 1, "a": 2}', never=True),
    Value("not UTF-8", b'"\xff\xfe"', never=True),
    Value("half a mebibyte", b'"' + b"x" * (MIB // 2) + b'"', never=True),
    Value("deep", b"[" * 2000 + b"]" * 2000, never=True),
    Value("a formula", b'"=HYPERLINK(\\"http://x\\",\\"y\\")"'),
    Value("a negative number", b"-1"),
    Value("a fraction", b"0.1"),
    Value("a small number", b"1e-400"),
    Value("the largest whole number", b"9223372036854775807"),
    Value("nothing", b"null"),
    Value("empty text", b'""'),
    Value("spaces", b'"   "'),
    Value("true", b"true"),
    Value("a list", b"[]"),
    Value("an object", b"{}"),
    Value("a prototype", b'{"__proto__": {"admin": true}}'),
    Value("SQL", b'"\'; drop table leads; --"'),
    Value("a path", b'"../../../etc/passwd"'),
    Value("a format", b'"{0.__class__} %s %n ${jndi:ldap://x}"'),
    Value("an emoji of many parts", '"👨‍👩‍👧‍👦"'.encode()),
    Value("combining marks", ('"' + "a\u0301" * 90 + '"').encode()),
)

BODIES = {
    "nothing": b"",
    "spaces": b"  ",
    "null": b"null",
    "text": b'"x"',
    "a list": b"[]",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "rubbish behind": b"{} x",
    "two values": b"{}{}",
    "cut off": b'{"name": "x',
    "comments": b'{/* x */ "name": "x"}',
    "100,000 lists deep": b"[" * DEEP + b"]" * DEEP,
    "100,000 objects deep": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "100,000 deep, unclosed": b"[" * DEEP,
    "100,000 keys": b"{" + b",".join(b'"k%d":0' % n for n in range(100_000)) + b"}",
    "one byte too many": b" " * (LIMIT - 1) + b"{}",
}
"""Whole bodies that no route takes."""

ADDRESS_NEVER = ("%00", "a%00b", "%FF", "%C0%AF", "%ED%A0%80", "%F5%80%80%80")
"""NUL and what is no UTF-8, as escapes."""
ADDRESS_ODD = (
    "", "%", "%zz", "%25", "..", "%2e%2e%2f", "%2F", "%0d%0aX-Evil:1", "%E2%80%AE", "%EF%BB%BF", "NaN",
    "-1", "1e5", "9" * 23, "9" * 5000, "%D9%A3", "null", "%27", "%22%3E", "%7B%7D", "=1%2B1", "x" * 3000,
    "00000000-0000-0000-0000-000000000000", "a,b", "*", "%F0%9F%98%80",
)  # fmt: skip
"""What may be refused or taken, but is answered."""

HEADER_VALUES = (
    "", " ", "*", '"', 'W/"', '"1", "2"', '"' + "9" * 30 + '"', "," * 500, "-1", "0", "30001", "9" * 30,
    "1e3", "NaN", "\x80\xff", "a b", "%00", "x" * 8000, "00-" + "0" * 32 + "-" + "0" * 16 + "-00",
    "a/b;q=", "=1+1", "()", "\t",
)  # fmt: skip


def bomb(mebibytes: int, row: bytes = b"x" * 1022 + b",\n") -> bytes:
    """A gzip file that unpacks to so much."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=9) as packed:
        packed.write(b"name,email\n")
        block = row * (MIB // len(row))
        for _ in range(mebibytes):
            packed.write(block)
    return out.getvalue()
