"""How much one client address, and all of them together, may ask: part of the one table of settings.

A rate counts requests of one client address; an office of many people is one address. A client that an embed
token let in counts for its address and for the token: each has the limit of one client.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings


class LimitSettings(BaseSettings):
    """Limits that protect the app from a client that asks too much."""

    max_sockets: Annotated[
        int,
        Field(ge=1, le=2000, alias="ORDERFLOW_MAX_SOCKETS", description="most clients of /ws/orderflow"),
    ] = 80
    max_sockets_per_client: Annotated[
        int,
        Field(
            ge=0,
            le=2000,
            alias="ORDERFLOW_MAX_SOCKETS_PER_CLIENT",
            description="sockets per client; 0 means a quarter of all",
        ),
    ] = 0
    max_panels: Annotated[
        int,
        Field(ge=1, le=10_000, alias="ORDERFLOW_MAX_PANELS", description="most panels open on pages"),
    ] = 1000
    max_panels_per_client: Annotated[
        int,
        Field(
            ge=0,
            le=10_000,
            alias="ORDERFLOW_MAX_PANELS_PER_CLIENT",
            description="panels per client; 0 means a quarter of all",
        ),
    ] = 0
    max_series: Annotated[
        int,
        Field(ge=1, le=2000, alias="ORDERFLOW_MAX_SERIES", description="most symbols streamed at once"),
    ] = 200
    max_series_per_client: Annotated[
        int,
        Field(
            ge=0,
            le=2000,
            alias="ORDERFLOW_MAX_SERIES_PER_CLIENT",
            description="symbols per client; 0 means a quarter of all",
        ),
    ] = 0
    max_views: Annotated[
        int,
        Field(
            ge=1,
            le=10_000,
            alias="ORDERFLOW_MAX_VIEWS",
            description="most views derived at once: each timeframe and step of a symbol that is watched",
        ),
    ] = 300
    max_views_per_client: Annotated[
        int,
        Field(
            ge=0,
            le=10_000,
            alias="ORDERFLOW_MAX_VIEWS_PER_CLIENT",
            description="views per client; 0 means a quarter of all",
        ),
    ] = 0
    callback_rate: Annotated[
        int,
        Field(
            ge=1,
            le=1_000_000,
            alias="ORDERFLOW_CALLBACK_RATE",
            description="updates of pages for one client address, per second; an open panel asks for 1",
        ),
    ] = 300
    page_rate: Annotated[
        int,
        Field(
            ge=1,
            le=1_000_000,
            alias="ORDERFLOW_PAGE_RATE",
            description="pages loaded by one client address, per minute",
        ),
    ] = 600
    socket_rate: Annotated[
        int,
        Field(
            ge=1,
            le=1_000_000,
            alias="ORDERFLOW_SOCKET_RATE",
            description="connections to /ws/orderflow that one client address may begin, per minute",
        ),
    ] = 1200
    export_rate: Annotated[
        int,
        Field(
            ge=1,
            le=1_000_000,
            alias="ORDERFLOW_EXPORT_RATE",
            description="exports for one client address, per minute",
        ),
    ] = 120
