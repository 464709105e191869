"""The image of a code: black on white, with the quiet zone that readers need. Pure."""

from __future__ import annotations

import io

import segno

_QUIET = 4
SMALLEST, LARGEST = 100, 2000


def svg(link: str) -> bytes:
    """Sharp at any size; for whoever prints it."""
    out = io.BytesIO()
    _made(link).save(out, kind="svg", border=_QUIET, scale=10, light="#fff", xmldecl=True, nl=False)
    return out.getvalue()


def png(link: str, size: int) -> bytes:
    """At most `size` points wide and high: whole points per square, or readers fail."""
    made = _made(link)
    squares, _ = made.symbol_size(scale=1, border=_QUIET)
    out = io.BytesIO()
    made.save(out, kind="png", border=_QUIET, scale=max(1, size // int(squares)))
    return out.getvalue()


def _made(link: str) -> segno.QRCode:
    # A quarter of it may be scratched or covered.
    return segno.make_qr(link, error="q", boost_error=False)
