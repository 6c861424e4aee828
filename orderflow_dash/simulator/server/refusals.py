"""The error replies of the venues' edges: limits, bans, geography and outages."""

from __future__ import annotations

from orderflow_dash.simulator.rest import Reply, json_reply

_HTML = (
    b"<html>\r\n<head><title>%d</title></head>\r\n<body><center><h1>%s</h1></center></body>\r\n</html>\r\n"
)
_GEOGRAPHY = (
    "Service unavailable from a restricted location according to 'b. Eligibility' in the terms. "
    "Please contact customer service if you believe you received this message in error."
)


def refusal(path: str, status: int, retry_after: int | None) -> Reply:
    """The reply of an edge to a request for ``path``; ``retry_after`` in seconds, as the header."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    bybit = path.startswith("/v5/")
    if status == 451:
        return json_reply({"code": 0, "msg": _GEOGRAPHY}, status, headers)
    if status in (418, 429) and not bybit:
        banned = "; IP banned" if status == 418 else ""
        return json_reply({"code": -1003, "msg": f"Way too many requests{banned}."}, status, headers)
    if status == 403 and bybit:
        return Reply(status, b"access too frequent", "text/plain", headers)
    title = {403: b"403 Forbidden", 503: b"503 Service Temporarily Unavailable"}.get(status, b"%d" % status)
    return Reply(status, _HTML % (status, title), "text/html", headers)
