"""Files that nobody would send in good faith, as imports: forms, archives, tables, mappings."""

from __future__ import annotations

import gzip
import io
import zipfile
from dataclasses import dataclass

from tests.chaos.hostile.values import bomb

HEADER = b"name,email\n"
MAPPING = 'shape: leads\ncolumns: {name: name, email: email}\ncurrency: "USD"\n'
_CELLS = (
    b'"=cmd|\' /C calc\'!A0",a@example.com', b"a\0b,nul@example.com", "a\u202egpj.exe,b@example.com".encode(),
    "\ud7ff\uffff,d@example.com".encode(), b"x" * 70_000 + b",e@example.com",
    b"only one cell", b"a,b,c,d,e,f", b'"never closed', b"+1,=1+1", b"@SUM(1),-1", b"\t=1,\r=1", b",,,", b"",
    b'"a\nb",g@example.com', b"NaN,Infinity", b"9" * 23 + b"," + b"9" * 23,
)  # fmt: skip
_CODECS = ("idna", "punycode", "undefined", "unicode_escape", "raw-unicode-escape", "utf-7", "mbcs", "rot13",
           "zlib", "hex", "utf-16", "utf-32", "cp65001", "../../etc/passwd", "latin-1")  # fmt: skip
_DELIMITERS = ("\\n", "\\r", "\\0", '\\"', " ", "\\ud800", "😀", "\\\\", "ab", "")


@dataclass(frozen=True, slots=True)
class Upload:
    """An import's parts. `taken`: it may be accepted, and must then come to an end by itself."""

    name: str
    content: bytes
    mapping: str | None = MAPPING
    taken: bool = True
    file_name: str = "leads.csv"


def uploads(*, large: bool) -> list[Upload]:
    """Everything; `large`: with what unpacks to more than the limit."""
    table = HEADER + b"\n".join(_CELLS) + b"\n"
    damaged = HEADER + b"\xff\xfe,c@example.com\n" * 5
    packed = gzip.compress(table)
    found = [
        Upload("hostile cells", table),
        Upload("hostile cells, packed", packed),
        Upload("bytes of no encoding", damaged),
        Upload("cut off archive", packed[:-20], taken=False),
        Upload("damaged archive", packed[:20] + b"\xff" * 40 + packed[60:], taken=False),
        Upload("an archive in an archive", gzip.compress(packed)),
        Upload("many archives in a row", packed * 200),
        Upload("nothing", b"", taken=False),
        Upload("NUL only", bytes(5000), taken=False),
        Upload("a line of 5 MiB", b"name," + b"x" * 5_000_000, taken=False),
        Upload("a name of 200 KiB", b'"' + b"x" * 200_000 + b'",name,email\na,b,c\n'),
        Upload("the same name twice", b"name,name,email\na,b,c\n", taken=False),
        Upload("10,000 columns", b"name,email," + b",".join(b"c%d" % n for n in range(10_000)) + b"\n"),
        Upload("names of nothing", b",,,,\na,b\n", taken=False),
        Upload("UTF-16 with an odd end", HEADER.decode().encode("utf-16") + b"\0", taken=True),
        Upload("random bytes", bytes(n * 7919 % 251 for n in range(20_000)), taken=False),
        Upload("a name that is a path", HEADER + b"a,b@example.com\n", file_name="../../../etc/passwd"),
        Upload("a name that nobody reads", HEADER, file_name="a\u202evsc.exe" + "x" * 3000),
        *(Upload(f"encoding {each}", table, f"{MAPPING}file: {{encoding: '{each}'}}\n") for each in _CODECS),
        *(
            Upload(f"delimiter {each!r}", table, f'{MAPPING}file: {{delimiter: "{each}"}}\n')
            for each in _DELIMITERS
        ),
        *(Upload(f"mapping: {name}", table, text, taken=False) for name, text in mappings().items()),
        Upload("64 KiB that unpack to 64 MiB", bomb(64)),
        *(Upload(f"spreadsheet: {name}", content, taken=False) for name, content in spreadsheets().items()),
    ]
    if large:
        found.append(Upload("a bomb of 600 MiB", bomb(600), taken=False))
    return found


def spreadsheets() -> dict[str, bytes]:
    """Archives that say they are spreadsheets."""
    sheet = "<worksheet><sheetData><row><c><v>1</v></c></row></sheetData></worksheet>"
    laughs = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><workbook>&b;</workbook>'
    return {
        "no directory": b"PK\x03\x04" + bytes(200),
        "nothing of one": _archive({"readme.txt": "hello"}),
        "no parts": _archive({"xl/workbook.xml": "<workbook/>"}),
        "entities": _archive({"xl/workbook.xml": laughs, "xl/worksheets/sheet1.xml": sheet}),
        "a cell of 8 MiB": _archive({"xl/workbook.xml": f"<workbook>{'x' * 2**23}</workbook>"}),
        "paths outside": _archive({"xl/workbook.xml": "<workbook/>", "../../../etc/passwd.xml": sheet}),
        "many parts": _archive({"xl/workbook.xml": "<workbook/>"} | {f"{n}.xml": "" for n in range(3000)}),
    }


def _archive(parts: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return made.getvalue()


def mappings() -> dict[str, str]:
    """YAML that is no mapping."""
    aliases = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
    )
    return {
        "aliases in aliases": aliases,
        "an object": "!!python/object/apply:os.system ['true']",
        "deep": "[" * 20_000,
        "deep objects": "{a: " * 5_000,
        "too long": "x" * 300_000,
        "a key twice": "shape: leads\nshape: deals\n",
        "a list as key": "? [a, b]\n: c\n",
        "100,000 in a row": "[" + "a," * 100_000 + "]",
        "control characters": "a: \x07\n",
        "a lone surrogate": 'shape: "\\ud800"\n',
        "NUL": 'shape: "\\0"\n',
        "many documents": "--- {}\n--- {}\n",
        "numbers": "1: 2\n",
        "unknown": "shape: leads\nnope: 1\n",
        "another shape": "shape: event_log\nsource: x\nevents: []\n",
    }
