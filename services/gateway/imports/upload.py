"""The multipart body of `POST /v1/imports`: onto disk while it arrives, within limits of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from services.gateway.imports.mapping_file import MAX_MAPPING_BYTES
from services.gateway.imports.rules import ImportKind, Mode, Options, UpdateKey
from services.gateway.imports.use_cases import SCOPES, Upload
from shared.errors import FieldError, Invalid, Malformed, TooLarge
from shared.web.bodies import ClientGone
from shared.web.problems import UnsupportedMediaType

MAX_UPLOAD_BYTES = 128 * 1024 * 1024
_TEXT_FIELDS = frozenset({"kind", "mapping", "dry_run", "mode", "key", "corrects"})
_KINDS: dict[str, ImportKind] = {kind: kind for kind in SCOPES}
_MODES: dict[str, Mode] = {"create": "create", "update": "update", "upsert": "upsert"}
_KEYS: dict[str, UpdateKey] = {
    "phone": "phone", "email": "email", "credit_code": "credit_code", "external_id": "external_id",
}  # fmt: skip
_WORDS = {"true": True, "false": False, "": False}


class ImportTooLarge(TooLarge):
    code = "import_too_large"
    title = "The file is too large"


@asynccontextmanager
async def received(request: Request) -> AsyncIterator[Upload]:
    """The upload, while its temporary file is there. Raises Malformed, Invalid, TooLarge."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise UnsupportedMediaType("The body is a form: multipart/form-data")
    form = await _form(request)
    try:
        yield await _upload(form)
    finally:
        await form.close()


async def _form(request: Request) -> FormData:
    limited = Request(request.scope, _Limited(request).receive)
    try:
        return await limited.form(max_files=2, max_fields=8, max_part_size=MAX_MAPPING_BYTES + 1)
    except (MultiPartException, HTTPException, ValueError, KeyError) as error:
        said = getattr(error, "message", None) or getattr(error, "detail", None) or "its parts cannot be told"
        raise Malformed(f"The form cannot be read: {said}") from error
    except ClientDisconnect as error:
        raise ClientGone from error


class _Limited:
    """The request's body, refused where it grows beyond the limit."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._left = MAX_UPLOAD_BYTES
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length) > MAX_UPLOAD_BYTES:
            raise _too_large()

    async def receive(self) -> Message:
        message = await self._request.receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise _too_large()
        return message


def _too_large() -> ImportTooLarge:
    return ImportTooLarge(f"A file for import has at most {MAX_UPLOAD_BYTES >> 20} MiB; gzip it, or split it")


async def _upload(form: FormData) -> Upload:
    fields = {name: form.getlist(name) for name in form}
    for name, values in fields.items():
        if name not in _TEXT_FIELDS | {"file"}:
            raise _bad(name, "unknown_field", "There is no such part here")
        if len(values) > 1:
            raise _bad(name, "repeated_field", "This part is given once")
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise _bad("file", "missing", "A file is needed in the part `file`")
    kind = _KINDS.get(await _text(form, "kind") or "")
    if kind is None:
        raise _bad("kind", "unknown_kind", f"kind is one of {', '.join(SCOPES)}")
    dry_run = await _text(form, "dry_run") or ""
    if dry_run not in _WORDS:
        raise _bad("dry_run", "not_a_boolean", "dry_run is true or false")
    mapping = await _text(form, "mapping") or None
    options = await _options(form, kind)
    name = "".join(char for char in (file.filename or "file") if char.isprintable())[:200]
    return Upload(kind, file.file, name or "file", mapping, _WORDS[dry_run], options)


async def _options(form: FormData, kind: ImportKind) -> Options:
    mode = _MODES.get(await _text(form, "mode") or "create")
    if mode is None:
        raise _bad("mode", "unknown_mode", f"mode is one of {', '.join(_MODES)}")
    said = await _text(form, "key") or None
    key = _KEYS.get(said or "")
    if said is not None and key is None:
        raise _bad("key", "unknown_key", f"key is one of {', '.join(_KEYS)}")
    if mode != "create" and kind != "leads":
        raise _bad("mode", "not_for_this_kind", "only leads are changed by a file")
    if (mode == "create") != (key is None):
        raise _bad(
            "key", "key_needed", "key says by what leads are found: it belongs to mode update or upsert"
        )
    corrects = await _text(form, "corrects") or None
    try:
        return Options(mode, key, UUID(corrects) if corrects else None)
    except ValueError:
        raise _bad("corrects", "malformed_id", "corrects is the id of an import") from None


async def _text(form: FormData, name: str) -> str | None:
    """A part's text, whether it was sent as a field or as a file."""
    value = form.get(name)
    if isinstance(value, UploadFile):
        content = await value.read(MAX_MAPPING_BYTES + 1)
        try:
            value = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise _bad(name, "not_utf8", "This part is text in UTF-8") from None
    if value is not None and "\x00" in value:
        raise _bad(name, "bad_characters", "This part holds the character NUL")
    return value


def _bad(name: str, code: str, detail: str) -> Invalid:
    return Invalid(f"{name}: {detail}", errors=[FieldError(f"/{name}"[:200], code, detail)])
