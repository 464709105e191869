"""The page of a form: HTML that works without a script, on a phone, and when read aloud. Pure.

Whatever a tenant or a visitor wrote is escaped; nothing is loaded or run, whatever slipped through.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from services.gateway.forms.asked import ConsentShown, Language, PurposeAsked, Shown
from services.gateway.forms.rules import CONSENT, SUBMISSION, TRAP, VIA, Form, origin_of
from services.gateway.forms.wording import PURPOSES, TEXTS, WRONG
from shared.errors import FieldError

_STYLE = """
body{margin:0;background:#f4f5f7;color:#1d2330;
font:1rem/1.5 system-ui,"PingFang SC","Microsoft YaHei",sans-serif}
main{max-width:36rem;margin:0 auto;padding:1.25rem;background:#fff;min-height:100vh;box-sizing:border-box}
h1{font-size:1.5rem;margin:.5rem 0 1rem}
p.text{white-space:pre-line}
.field{margin:0 0 1.1rem;border:0;padding:0}
label,legend{display:block;font-weight:600;margin:0 0 .3rem;padding:0}
label.tick{font-weight:400;display:flex;gap:.6rem;align-items:flex-start;padding:.35rem 0}
input,select,textarea{font:inherit;width:100%;box-sizing:border-box;padding:.6rem;border:1px solid #6b7280;
border-radius:.4rem;background:#fff;color:inherit}
input[type=checkbox]{width:1.3rem;height:1.3rem;flex:none;margin:.1rem 0 0}
[aria-invalid=true]{border:2px solid #b42318}
.wrong{color:#b42318;margin:.25rem 0 0}
.notice{max-height:14rem;overflow:auto;border:1px solid #d0d5dd;border-radius:.4rem;padding:.75rem;
white-space:pre-line;font-size:.95rem;margin:0 0 .75rem}
.told{border:2px solid #b42318;border-radius:.4rem;padding:.75rem;margin:0 0 1rem}
.mark{color:#b42318}
.away{position:absolute;left:-9999px;width:1px;height:1px;overflow:hidden}
button{font:inherit;font-weight:600;width:100%;padding:.8rem;border:0;border-radius:.4rem;background:#0b57d0;color:#fff}
:focus-visible{outline:3px solid #0b57d0;outline-offset:2px}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_INPUTS: Mapping[str, str] = {
    "phone": 'type="tel" autocomplete="tel"',
    "email": 'type="email" autocomplete="email"',
    "money": 'type="text" inputmode="decimal"',
    "integer": 'type="text" inputmode="numeric"',
    "number": 'type="text" inputmode="decimal"',
    "date": 'type="date"',
    "url": 'type="url"',
}
_AUTOCOMPLETE = {"name": "name", "company": "organization"}
MOST_CHARS = 4000


def headers_of(form: Form | None) -> dict[str, str]:
    """What browsers may do with the page: show it and send it. Only sites that it names may frame it."""
    # A browser follows the redirect after a form only where this names its target, too.
    to = f" {origin_of(form.redirect_url)}" if form is not None and form.redirect_url else ""
    framers = " ".join(form.origins) if form is not None and form.origins else "'none'"
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'{to}; base-uri 'none'; "
        f"frame-ancestors {framers}"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
        "Vary": "Accept-Language, Origin",
        "Content-Type": "text/html; charset=utf-8",
    }


def thanks_of(form: Form, language: Language) -> str:
    return form.thanks.of(language) if form.thanks is not None else TEXTS[language]["thanks"]


def message_page(title: str, text: str, language: Language) -> bytes:
    """A page that says one thing."""
    return _page(title, f'<p class="text" role="status">{escape(text)}</p>', language)


def form_page(
    form: Form,
    language: Language,
    *,
    submission: str,
    via: str | None,
    given: Mapping[str, Any],
    errors: Sequence[FieldError] = (),
    told: str | None = None,
) -> bytes:
    """The form to fill in, with what was `given` already, what is wrong with it, and what is `told` above."""
    wrong: dict[str, str] = {}
    for error in errors:
        wrong.setdefault(error.pointer.removeprefix("/"), _wrong(error, language))
    parts = [f'<p class="text">{escape(form.intro.of(language))}</p>'] if form.intro else []
    if told is not None:
        parts.append(f'<div class="told" role="alert"><p>{escape(told)}</p></div>')
    fields = [_field(at, shown, given, wrong, language) for at, shown in enumerate(form.fields)]
    if form.consent is not None:
        fields.append(_consent(form.consent, given, wrong, language))
    hidden = [(SUBMISSION, submission), *([(VIA, via)] if via else [])]
    parts += [
        f'<form method="post" action="/f/{escape(form.key)}" accept-charset="utf-8">',
        *(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in hidden),
        *fields,
        _trap(language),
        f'<button type="submit">{TEXTS[language]["send"]}</button></form>',
    ]
    return _page(form.title.of(language), "\n".join(parts), language)


def _page(title: str, content: str, language: Language) -> bytes:
    shown = escape(title)
    return (
        f'<!doctype html>\n<html lang="{"zh-CN" if language == "zh" else "en"}">\n<head>'
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="robots" content="noindex"><title>{shown}</title><style>{_STYLE}</style></head>\n'
        f"<body><main><h1>{shown}</h1>\n{content}\n</main></body></html>\n"
    ).encode()


def _wrong(error: FieldError, language: Language) -> str:
    return WRONG.get(error.code, WRONG[""])[language]


def _trap(language: Language) -> str:
    # Out of sight, and out of the way of keyboards and readers: only programs fill it in.
    return (
        f'<div class="away" aria-hidden="true"><label for="trap">{TEXTS[language]["trap"]}</label>'
        f'<input id="trap" name="{TRAP}" tabindex="-1" autocomplete="off"></div>'
    )


def _field(
    at: int, shown: Shown, given: Mapping[str, Any], wrong: Mapping[str, str], language: Language
) -> str:
    told = wrong.get(shown.field)
    name, id_ = escape(shown.field), f"f{at}"
    label = escape(shown.label.of(language)) + (_mark(language) if shown.required else "")
    state = f' aria-invalid="true" aria-describedby="{id_}-wrong"' if told else ""
    below = f'<p class="wrong" id="{id_}-wrong">{escape(told)}</p>' if told else ""
    value = given.get(shown.field)
    if shown.kind == "choices":
        boxes = "".join(_box(name, option.value, option, value, language) for option in shown.options)
        return f'<fieldset class="field"{state}><legend>{label}</legend>{boxes}{below}</fieldset>'
    need = " required" if shown.required else ""
    if shown.kind == "boolean":
        ticked = " checked" if value else ""
        box = f'<input type="checkbox" id="{id_}" name="{name}" value="yes"{ticked}{need}{state}>'
        line = f'<label class="tick" for="{id_}">{box}<span>{label}</span></label>'
        return f'<div class="field">{line}{below}</div>'
    control = _control(shown, id_, value, need + state, language)
    return f'<div class="field"><label for="{id_}">{label}</label>{control}{below}</div>'


def _control(shown: Shown, id_: str, value: Any, state: str, language: Language) -> str:
    text = value[:MOST_CHARS] if isinstance(value, str) else ""
    named = f'id="{id_}" name="{escape(shown.field)}"'
    if shown.kind == "choice":
        options = "".join(
            f'<option value="{escape(option.value)}"{" selected" if option.value == text else ""}>'
            f"{escape(option.label.of(language) if option.label else option.value)}</option>"
            for option in shown.options
        )
        return (
            f'<select {named}{state}><option value="">{TEXTS[language]["choose"]}</option>{options}</select>'
        )
    if shown.kind == "long_text":
        return f'<textarea {named} rows="4" maxlength="{MOST_CHARS}"{state}>\n{escape(text)}</textarea>'
    kind = _INPUTS.get(shown.kind, 'type="text"')
    if shown.field in _AUTOCOMPLETE:
        kind += f' autocomplete="{_AUTOCOMPLETE[shown.field]}"'
    return f'<input {named} {kind} maxlength="{MOST_CHARS}" value="{escape(text)}"{state}>'


def _box(name: str, value: str, option: Any, given: Any, language: Language) -> str:
    several = given if isinstance(given, list) else [given]
    ticked = " checked" if value in several else ""
    text = option.label.of(language) if option.label else value
    return (
        f'<label class="tick"><input type="checkbox" name="{name}" value="{escape(value)}"{ticked}>'
        f"<span>{escape(text)}</span></label>"
    )


def _consent(
    asked: ConsentShown, given: Mapping[str, Any], wrong: Mapping[str, str], language: Language
) -> str:
    told = wrong.get(CONSENT)
    state = ' aria-invalid="true" aria-describedby="consent-wrong"' if told else ""
    below = f'<p class="wrong" id="consent-wrong">{escape(told)}</p>' if told else ""
    # A region that can be scrolled has to be reachable by keyboard.
    name = TEXTS[language]["agreed"]
    region = f'<div class="notice" tabindex="0" role="region" aria-label="{name}">'
    notice = f"{region}{escape(asked.wording)}</div>" if asked.wording else ""
    several = given.get(CONSENT)
    boxes = "".join(_purpose(each, several, language) for each in asked.purposes)
    return f'<fieldset class="field"{state}><legend>{name}</legend>{notice}{boxes}{below}</fieldset>'


def _purpose(asked: PurposeAsked, given: Any, language: Language) -> str:
    several = given if isinstance(given, list) else [given]
    ticked = " checked" if asked.purpose in several else ""
    need = " required" if asked.required else ""
    text = asked.label.of(language) if asked.label else PURPOSES[asked.purpose][language]
    mark = _mark(language) if asked.required else ""
    return (
        f'<label class="tick"><input type="checkbox" name="{CONSENT}" value="{asked.purpose}"{ticked}{need}>'
        f"<span>{escape(text)}{mark}</span></label>"
    )


def _mark(language: Language) -> str:
    return f' <span class="mark">({TEXTS[language]["required"]})</span>'
