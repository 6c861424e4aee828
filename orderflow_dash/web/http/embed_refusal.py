"""The page of a frame whose token is invalid or has expired; it notifies the embedding page."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import Final

from flask import Response

_WORDS: Final = {"expired": "This view has expired", "refused": "This view is not available"}
_HINTS: Final = {
    "expired": "Reload the page to get a new one.",
    "refused": "Contact the operator of the embedding page.",
}
_STYLE: Final = (
    ":root{color-scheme:light dark}body{margin:0;min-height:100vh;display:grid;place-content:center;"
    "text-align:center;font:15px/1.5 system-ui,sans-serif}h1{font-size:1.1em}"
)
_SCRIPT: Final = (
    'if(parent!==window)parent.postMessage({source:"orderflow_dash",type:"state",'
    "state:document.documentElement.dataset.state,"
    'cause:document.querySelector("p").textContent},"*")'
)
_PAGE: Final = """<!DOCTYPE html>
<html lang="en" data-state="{state}">
<head>
<meta charset="utf-8"><title>Order flow</title><link rel="icon" href="data:,"><style>{style}</style>
</head>
<body><main role="alert"><h1>{words}</h1><p>{cause}</p><p>{hint}</p></main><script>{script}</script></body>
</html>
"""


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_POLICY: Final = (
    f"default-src 'none'; style-src {_source(_STYLE)}; script-src {_source(_SCRIPT)}; img-src data:;"
    " base-uri 'none'; form-action 'none'"
)


def refusal_page(state: str, cause: str) -> Response:
    """The page of a state ``expired`` or ``refused``, with status 403."""
    page = _PAGE.format(
        state=state,
        style=_STYLE,
        words=_WORDS[state],
        cause=escape(cause),
        hint=_HINTS[state],
        script=_SCRIPT,
    )
    return Response(page, 403, {"Content-Security-Policy": _POLICY}, mimetype="text/html")
