"""Calls that a reader can copy: curl, Python and JavaScript, without a package to install."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from index.counting.documents import Document

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        url: without the query.
        body: of a POST; None for a GET.
        certificate: a file to trust, if the service's certificate is self-signed.
        token: callers need one; examples take it from the environment variable TOKEN.
    """

    url: str
    query: Pairs = ()
    body: Document | None = None
    certificate: str | None = None
    token: bool = False

    def examples(self) -> dict[str, str]:
        """The call in each language, by the name that code blocks give it."""
        return {"sh": curl(self), "python": python(self), "javascript": javascript(self)}


def curl(call: Call) -> str:
    """For a shell."""
    trust = f"--cacert {shlex.quote(call.certificate)} " if call.certificate else ""
    parts = [f"curl {trust}{'-G ' if call.query else ''}{shlex.quote(call.url)}"]
    if call.token:
        parts.append('-H "Authorization: Bearer $TOKEN"')
    parts += [f"--data-urlencode {shlex.quote(f'{name}={value}')}" for name, value in call.query]
    if call.body is not None:
        parts.append("-H 'Content-Type: application/json'")
        parts.append(f"-d {shlex.quote(_json(call.body))}")
    return " \\\n  ".join(parts) + "\n"


def python(call: Call) -> str:
    """For Python, with its standard library."""
    imports = ["json", "os"] if call.token else ["json"]
    imports += ["ssl"] if call.certificate else []
    url = _json(call.url)
    lines = [f"import {name}" for name in imports]
    lines += ["from urllib.parse import urlencode"] if call.query else []
    lines += ["from urllib.request import Request, urlopen", ""]
    if call.certificate:
        lines.append(f"trust = ssl.create_default_context(cafile={_json(call.certificate)})")
    if call.query:
        lines.append(f"query = urlencode([{_pairs(call.query, '({}, {})')}])")
        url = f"{_json(call.url + '?')} + query"
    lines.append(f"request = Request({url})")
    if call.token:
        lines.append('request.add_header("Authorization", f"Bearer {os.environ[\'TOKEN\']}")')
    if call.body is not None:
        lines.append('request.add_header("Content-Type", "application/json")')
        lines.append(f"request.data = json.dumps({_json(call.body)}).encode()")
    context = ", context=trust" if call.certificate else ""
    lines += [f"with urlopen(request{context}) as response:", "    answer = json.load(response)"]
    return "\n".join([*lines, "print(answer)", ""])


def javascript(call: Call) -> str:
    """For Node.js 18 and newer, and for pages of the service itself."""
    lines = []
    if call.certificate:
        lines.append(f"// NODE_EXTRA_CA_CERTS={call.certificate} node ask.mjs")
    url, options = _json(call.url), ""
    if call.query:
        lines.append(f"const query = new URLSearchParams([{_pairs(call.query, '[{}, {}]')}]);")
        url = f"{_json(call.url + '?')} + query"
    headers = ["Authorization: `Bearer ${process.env.TOKEN}`"] if call.token else []
    if call.body is not None:
        headers.append('"Content-Type": "application/json"')
        lines.append(f"const body = JSON.stringify({_json(call.body)});")
    if headers:
        lines.append(f"const headers = {{ {', '.join(headers)} }};")
        options = (
            ', { method: "POST", headers, body }' if call.body is not None else ", { headers }"
        )
    lines += [
        f"const response = await fetch({url}{options});",
        "const answer = await response.json();",
        "console.log(JSON.stringify(answer));",
    ]
    return "\n".join([*lines, ""])


def _json(value: object) -> str:
    """A JSON literal; for texts and these documents also one of Python and JavaScript."""
    return json.dumps(value, ensure_ascii=False)


def _pairs(pairs: Pairs, form: str) -> str:
    return ", ".join(form.format(_json(name), _json(value)) for name, value in pairs)
