"""The document as a page for people: one file, no script, nothing fetched from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

Json = dict[str, Any]

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem}
body{color:#1b1f24;background:#fff}
h1{font-size:1.6rem}h2{margin-top:2.2rem;border-bottom:1px solid #d0d7de;text-transform:capitalize}
details{border:1px solid #d0d7de;border-radius:6px;margin:.4rem 0;padding:.4rem .8rem}summary{cursor:pointer}
code,.m{font-family:ui-monospace,monospace}.m{display:inline-block;min-width:4.5rem;font-weight:700}
.get{color:#0969da}.post{color:#1a7f37}.patch{color:#9a6700}.delete{color:#cf222e}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.15rem .6rem .15rem 0;vertical-align:top}
@media (prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}}
"""


def render(document: Json) -> str:
    """The HTML of a merged document."""
    by_tag: dict[str, list[str]] = {}
    for path, operations in sorted(document["paths"].items()):
        for method, operation in operations.items():
            tag = (operation.get("tags") or ["other"])[0]
            by_tag.setdefault(tag, []).append(_operation(document, path, method, operation))
    sections = "".join(f"<h2>{escape(tag)}</h2>{''.join(rows)}" for tag, rows in sorted(by_tag.items()))
    models = "".join(
        _model(name, schema) for name, schema in sorted(document["components"].get("schemas", {}).items())
    )
    info = document["info"]
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(info['title'])} API</title><style>{_STYLE}</style>"
        f"<h1>{escape(info['title'])} API</h1><p>{escape(info['description'])}</p>"
        "<p>The same for machines: <a href=/openapi.json>/openapi.json</a> (OpenAPI 3.1)</p>"
        f"{sections}<h2>models</h2>{models}</html>"
    )


def _operation(document: Json, path: str, method: str, operation: Json) -> str:
    text = operation.get("description") or operation.get("summary", "")
    parameters = [_resolved(document, each) for each in operation.get("parameters", [])]
    rows = "".join(
        f"<tr><td><code>{escape(each['name'])}</code><td>{escape(each['in'])}"
        f"<td>{escape(_type(each.get('schema', {})))}<td>{escape(each.get('description', ''))}"
        for each in parameters
    )
    body = "".join(
        f"<p>Body: <code>{escape(kind)}</code> {_link(content.get('schema', {}))}</p>"
        for kind, content in operation.get("requestBody", {}).get("content", {}).items()
    )
    answers = "".join(
        f"<tr><td>{escape(status)}<td>{escape(_resolved(document, answer).get('description', ''))}"
        f"<td>{''.join(_link(c.get('schema', {})) for c in answer.get('content', {}).values())}"
        for status, answer in operation.get("responses", {}).items()
    )
    return (
        f"<details id='{escape(operation['operationId'])}'><summary><span class='m {method}'>{method.upper()}"
        f"</span> <code>{escape(path)}</code> {escape(operation.get('summary', ''))}</summary>"
        f"<p>{escape(text)}</p>{body}<table>{rows}</table><table>{answers}</table></details>"
    )


def _resolved(document: Json, node: Json) -> Json:
    reference = node.get("$ref")
    if not isinstance(reference, str):
        return node
    _, _, section, name = reference.split("/")
    found: Json = document["components"][section][name]
    return found


def _model(name: str, schema: Json) -> str:
    required = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{escape(key)}</code>{'' if key in required else ' ?'}<td>{_link(value)}"
        f"<td>{escape(value.get('description', ''))}"
        for key, value in schema.get("properties", {}).items()
    )
    text = escape(schema.get("description", ""))
    return (
        f"<details id='{escape(name)}'><summary><code>{escape(name)}</code></summary>"
        f"<p>{text}</p><table>{rows}</table></details>"
    )


def _type(schema: Json) -> str:
    if ways := schema.get("anyOf") or schema.get("oneOf"):
        return " | ".join(_type(each) for each in ways)
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[1]
    if "enum" in schema:
        shown = [str(each) for each in schema["enum"][:12]]
        return " | ".join(shown) + (" …" if len(schema["enum"]) > 12 else "")
    if schema.get("type") == "array":
        return f"[{_type(schema.get('items', {}))}]"
    return str(schema.get("format") or schema.get("type") or "any")


def _link(schema: Json) -> str:
    """The schema's type, linked where it is a model of its own."""
    target = schema.get("$ref") or schema.get("items", {}).get("$ref")
    text = escape(_type(schema))
    return f"<a href='#{escape(target.rsplit('/', 1)[1])}'>{text}</a>" if isinstance(target, str) else text
