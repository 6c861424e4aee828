"""Routes for embed tokens, with the token in the path.

A frame on another site's page has no cookies and no login, and its scripts and styles are loaded by tags,
which send no header. So a token opens routes under ``embed/t/<token>/``: the page, its callbacks, its
updates, the socket and the export; and scripts and styles under ``embed/f/<pass>/``, a URL that is the same
for all tokens, so that browsers can cache them.
"""

from __future__ import annotations

import json
import logging
import re
import time
from typing import Any, Final
from urllib.parse import urlencode

from flask import Flask, Request, Response, g

from orderflow_dash.access.embed_token import EmbedTokens, TokenError, TokenExpired
from orderflow_dash.web import grant, routes
from orderflow_dash.web.http.embed_refusal import refusal_page
from orderflow_dash.web.http.logins import text_response

log = logging.getLogger(__name__)

TOKEN_ROOT: Final = "embed/t/<frame_token>/"  # noqa: S105 - the path of everything that a token opens
TOKEN: Final = "token"  # noqa: S105 - the name of the parameter
STATE_HEADER: Final = "X-Orderflow-Embed"  # header of an error that a retry does not change

_OPEN_PAGE: Final = "page-embed"  # endpoint of the page for users with access
_PAGE: Final = "embed-frame"
_FILES: Final = ("_dash-component-suites/", "assets/")
_OF_PAGE: Final = ("_dash-layout", "_dash-dependencies", "_dash-update-component", *_FILES)
_FOR_PROGRAMS: Final = (routes.SOCKET, routes.EXPORT)  # may have the token in the query


class EmbedFrames:
    """The token routes of one server, and their access control."""

    def __init__(self, server: Flask, tokens: EmbedTokens, *, is_key_set: bool) -> None:
        """``is_key_set``: the secret is a setting, so valid tokens can exist."""
        self._tokens = tokens
        self._is_key_set = is_key_set
        self._open_page = server.view_functions[_OPEN_PAGE]
        endpoints = {rule.rule: rule.endpoint for rule in server.url_map.iter_rules()}
        (page,) = (rule for rule, endpoint in endpoints.items() if endpoint == _OPEN_PAGE)
        self._prefix = prefix = page.removesuffix("embed")  # path prefix of the app
        self._pages = frozenset({endpoints[f"{prefix}embed"], endpoints[f"{prefix}embed/"], _PAGE})
        self._by_query = self._pages | {
            rule.endpoint
            for rule in server.url_map.iter_rules()
            if rule.rule in {prefix + path for path in _FOR_PROGRAMS}
        }
        self._has_warned = False
        self._add_routes(server)
        server.url_value_preprocessor(_take_token)

    def applies_to(self, request: Request) -> bool:
        """Whether a request carries a token, or the pass for files."""
        return "frame_pass" in g or self._token(request) is not None

    def authorize(self, request: Request) -> Response | None:
        """An error, or a redirect to the page; None if the request may proceed within the token's scope."""
        grant.mark_token()
        if "frame_pass" in g:
            is_valid = self._tokens.is_files_pass(g.frame_pass)
            return None if is_valid else text_response(403, "invalid file URL")
        token = self._token(request) or ""
        try:
            scope = self._tokens.read(token, time.time())
        except TokenError as error:
            return self._invalid(request, error)
        if (beyond := scope.violation(request.args)) is not None:
            return self._reject(request, "refused", beyond[1])
        grant.restrict_request(scope, token)
        if request.endpoint in self._pages and "frame_token" not in g:
            return self._redirect_to_page(request, token)
        return None

    def _token(self, request: Request) -> str | None:
        """The token of the path, or that of the query on routes that allow it."""
        if "frame_token" in g:
            return str(g.frame_token)
        return request.args.get(TOKEN) if request.endpoint in self._by_query else None

    def _add_routes(self, server: Flask) -> None:
        held, files = self._prefix + TOKEN_ROOT, f"{self._prefix}embed/f/<frame_pass>/"
        for rule in list(server.url_map.iter_rules()):
            page_path = rule.rule.removeprefix(f"{self._prefix}embed/")
            root_path = rule.rule.removeprefix(self._prefix)
            paths = []
            if page_path != rule.rule and page_path.startswith(_OF_PAGE):
                paths.append(held + page_path)
            if page_path != rule.rule and page_path.startswith(_FILES):
                paths.append(files + page_path)
            if root_path in _FOR_PROGRAMS:
                paths.append(held + root_path)
            methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
            for path in paths:
                server.add_url_rule(path, rule.endpoint, methods=methods, websocket=rule.websocket)
        server.add_url_rule(held, _PAGE, self._show_page)

    def _show_page(self) -> str:
        """The page ``/embed`` with all its URLs under the token."""
        html = str(self._open_page()).replace("<html ", "<html data-locked ", 1)
        written = re.findall(r'"requests_pathname_prefix":("[^"]+")', html)[0]
        page = json.loads(written)  # the page's own prefix, whatever a proxy does to it
        for start in (page, page.removesuffix("embed/")):  # files of this page, and shared files
            for folder in _FILES:
                html = html.replace(f'"{start}{folder}', f'"{page}f/{self._tokens.files_pass}/{folder}')
        return html.replace(written, json.dumps(f"{page}t/{g.frame_token}/"))

    def _redirect_to_page(self, request: Request, token: str) -> Response:
        rest = [(name, value) for name, value in request.args.items(multi=True) if name != TOKEN]
        query = f"?{urlencode(rest)}" if rest else ""
        # Relative, so that it keeps the host and prefix of the request.
        where = f"{'' if request.path.endswith('/') else 'embed/'}t/{token}/{query}"
        return Response(status=302, headers={"Location": where})

    def _invalid(self, request: Request, error: TokenError) -> Response:
        if not self._is_key_set and not self._has_warned:
            self._has_warned = True
            log.warning("embed token received, but ORDERFLOW_SECRET_KEY is not set: no token is valid")
        return self._reject(request, "expired" if isinstance(error, TokenExpired) else "refused", str(error))

    def _reject(self, request: Request, state: str, cause: str) -> Response:
        is_page = request.endpoint in self._pages
        response = refusal_page(state, cause) if is_page else text_response(403, cause)
        response.headers[STATE_HEADER] = state
        return response


def _take_token(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Move the token from the view's arguments to ``g``."""
    for name in ("frame_token", "frame_pass"):
        if values and name in values:
            setattr(g, name, values.pop(name))
