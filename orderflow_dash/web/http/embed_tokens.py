"""Panels for holders of a token: routes of their own, that carry the token in the path.

A frame on somebody else's page has no cookies and no login, and its scripts and styles are asked for by tags,
which carry no header. So everything a token opens is also found under ``embed/t/<token>/``: the page, its
callbacks, its updates, the socket and the export, nothing else; and its scripts and styles under
``embed/f/<pass>/``, whose address is the same for all tokens, so that browsers may keep them.
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
from orderflow_dash.web.http.logins import refused

log = logging.getLogger(__name__)

HELD: Final = "embed/t/<frame_token>/"  # where all is that a token opens
TOKEN: Final = "token"  # noqa: S105 - the name of the parameter
OVER: Final = "X-Orderflow-Embed"  # header of a refusal that asking again does not change

_OPEN_PAGE: Final = "page-embed"  # endpoint of the page for those who have access
_PAGE: Final = "embed-frame"
_FILES: Final = ("_dash-component-suites/", "assets/")
_OF_PAGE: Final = ("_dash-layout", "_dash-dependencies", "_dash-update-component", *_FILES)
_FOR_PROGRAMS: Final = (routes.SOCKET, routes.EXPORT)  # which may name the token in the query


class EmbedFrames:
    """The routes for tokens of one server, and who may use them."""

    def __init__(self, server: Flask, tokens: EmbedTokens, *, is_key_set: bool) -> None:
        """``is_key_set``: the secret is a setting, so that there may be tokens at all."""
        self._tokens = tokens
        self._is_key_set = is_key_set
        self._open_page = server.view_functions[_OPEN_PAGE]
        ends = {rule.rule: rule.endpoint for rule in server.url_map.iter_rules()}
        (page,) = (rule for rule, endpoint in ends.items() if endpoint == _OPEN_PAGE)
        self._prefix = prefix = page.removesuffix("embed")  # where the app is mounted
        self._pages = frozenset({ends[f"{prefix}embed"], ends[f"{prefix}embed/"], _PAGE})
        self._by_query = self._pages | {
            rule.endpoint
            for rule in server.url_map.iter_rules()
            if rule.rule in {prefix + path for path in _FOR_PROGRAMS}
        }
        self._has_told = False
        self._add_routes(server)
        server.url_value_preprocessor(_take_token)

    def is_meant(self, request: Request) -> bool:
        """Whether a request shall be let in by a token, or by the pass for files."""
        return "frame_pass" in g or self._token(request) is not None

    def answer(self, request: Request) -> Response | None:
        """A refusal, or the way to the page; None where the request may go on, within the token's lock."""
        grant.mark_token()
        if "frame_pass" in g:
            is_good = self._tokens.is_files_pass(g.frame_pass)
            return None if is_good else refused(403, "this is no address of ours")
        token = self._token(request) or ""
        try:
            lock = self._tokens.read(token, time.time())
        except TokenError as error:
            return self._over(request, error)
        if (beyond := lock.refusal(request.args)) is not None:
            return self._refusal(request, "refused", beyond[1])
        grant.lock_request(lock, token)
        if request.endpoint in self._pages and "frame_token" not in g:
            return self._to_page(request, token)
        return None

    def _token(self, request: Request) -> str | None:
        """The token of the path; else that of the query, where one may stand."""
        if "frame_token" in g:
            return str(g.frame_token)
        return request.args.get(TOKEN) if request.endpoint in self._by_query else None

    def _add_routes(self, server: Flask) -> None:
        held, files = self._prefix + HELD, f"{self._prefix}embed/f/<frame_pass>/"
        for rule in list(server.url_map.iter_rules()):
            page_path = rule.rule.removeprefix(f"{self._prefix}embed/")
            root_path = rule.rule.removeprefix(self._prefix)
            ways = []
            if page_path != rule.rule and page_path.startswith(_OF_PAGE):
                ways.append(held + page_path)
            if page_path != rule.rule and page_path.startswith(_FILES):
                ways.append(files + page_path)
            if root_path in _FOR_PROGRAMS:
                ways.append(held + root_path)
            methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
            for way in ways:
                server.add_url_rule(way, rule.endpoint, methods=methods, websocket=rule.websocket)
        server.add_url_rule(held, _PAGE, self._show_page)

    def _show_page(self) -> str:
        """The page ``/embed``, all of whose requests go by the token."""
        html = str(self._open_page()).replace("<html ", "<html data-locked ", 1)
        written = re.findall(r'"requests_pathname_prefix":("[^"]+")', html)[0]
        page = json.loads(written)  # where the page itself asks, whatever a proxy does to it
        for start in (page, page.removesuffix("embed/")):  # files of this page, and those that pages share
            for folder in _FILES:
                html = html.replace(f'"{start}{folder}', f'"{page}f/{self._tokens.files_pass}/{folder}')
        return html.replace(written, json.dumps(f"{page}t/{g.frame_token}/"))

    def _to_page(self, request: Request, token: str) -> Response:
        rest = [(name, value) for name, value in request.args.items(multi=True) if name != TOKEN]
        query = f"?{urlencode(rest)}" if rest else ""
        # Relative, so that it stays on this host and under whatever prefix it was asked by.
        where = f"{'' if request.path.endswith('/') else 'embed/'}t/{token}/{query}"
        return Response(status=302, headers={"Location": where})

    def _over(self, request: Request, error: TokenError) -> Response:
        if not self._is_key_set and not self._has_told:
            self._has_told = True
            log.warning("an embed token came, but ORDERFLOW_SECRET_KEY is not set: no token is good here")
        return self._refusal(request, "expired" if isinstance(error, TokenExpired) else "refused", str(error))

    def _refusal(self, request: Request, state: str, cause: str) -> Response:
        is_page = request.endpoint in self._pages
        response = refusal_page(state, cause) if is_page else refused(403, cause)
        response.headers[OVER] = state
        return response


def _take_token(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Take what the path carries out of what the view gets."""
    for name in ("frame_token", "frame_pass"):
        if values and name in values:
            setattr(g, name, values.pop(name))
