"""Recorded trades are served once, in order, and add up to the venue's own candles."""

import csv
import gzip
import json
import zipfile
from decimal import Decimal

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.market import Venue
from orderflow_dash.simulator import DamagedFile, RecordedMarket
from orderflow_dash.simulator.recordings.builder import RecordingBuilder
from orderflow_dash.simulator.recordings.capture import CapturedTrade, Kind

AGG_LINES = [
    "100,250.10,1.500,900,902,1790000000000,true",
    "101,250.20,0.250,903,903,1790000000100,false",
    "102,250.2,3,904,910,1790000061000,False",
]
AGG_HEADER = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
BYBIT_HEADER = (
    "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional,RPI"
)
BYBIT_LINES = [
    "1790000000.1234,ETHUSDT,Buy,0.50,3000.15,PlusTick,7b1f0f26-3f2e-5a3e-9df5-000000000001,1.5e+11,0.5,1500.075,0",
    "1790000000.2,ETHUSDT,Sell,1.25,3000.10,MinusTick,7b1f0f26-3f2e-5a3e-9df5-000000000002,3.75e+11,1.25,3750.125,1",
]


def frame(number, time, price, quantity, sell, kind="MARKET"):
    data = {"e": "trade", "E": time, "T": time, "s": "BTCUSDT", "t": number, "p": price, "q": quantity}
    return f"{time * 1000000} " + json.dumps(
        {"stream": "btcusdt@trade", "data": {**data, "X": kind, "m": sell}}, separators=(",", ":")
    )


def written(path, lines, pack=bytes):
    text = "".join(line + "\n" for line in lines).encode()
    path.write_bytes(pack(text))
    return path


def played(market):
    """Everything that a market without a clock serves."""
    made = []
    while not market.finished:
        made += market.poll(set(market.listings))
    return made


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("packing", ["csv", "zip"])
def test_binance_day_files_are_read_in_every_variant(tmp_path, header, packing):
    """With or without header, zipped or not, lost trailing zeros included."""
    path = written(tmp_path / "ETHUSDT-aggTrades-2026-09-15.csv", [AGG_HEADER] * header + AGG_LINES)
    if packing == "zip":
        archive = tmp_path / "anything.zip"
        with zipfile.ZipFile(archive, "w") as file:
            file.write(path, path.name)
        path = archive
    market = RecordedMarket([path], speed=0)
    listing = market.find("ETHUSDT")
    assert (listing.base, listing.quote) == ("ETH", "USDT")
    assert (listing.price.value, listing.quantity.value) == (Decimal("0.1"), Decimal("0.01"))
    trades = [e.trade for e in played(market)]
    assert [(t.id, t.time, t.price, t.quantity, t.first, t.last) for t in trades] == [
        (100, 1790000000000, 2501, -150, 900, 902),
        (101, 1790000000100, 2502, 25, 903, 903),
        (102, 1790000061000, 2502, 300, 904, 910),
    ]
    assert market.now() == 1790000061000


@pytest.mark.parametrize("backwards", [False, True])
def test_bybit_day_files_are_read_in_either_order(tmp_path, backwards):
    """Rows from new to old are turned round; ids, sides and the RPI column are kept."""
    rows = BYBIT_LINES[::-1] if backwards else BYBIT_LINES
    path = written(tmp_path / "ETHUSDT2026-09-15.csv.gz", [BYBIT_HEADER, *rows], gzip.compress)
    market = RecordedMarket([path], speed=0)
    listing = market.find("ETHUSDT", Venue.BYBIT)
    trades = [t for e in played(market) for t in market.bybit_trades(listing, e.trade)]
    assert [(t.time, t.price, t.quantity, t.sell, t.rpi) for t in trades] == [
        (1790000000123, "3000.15", "0.50", False, False),
        (1790000000200, "3000.10", "1.25", True, True),
    ]
    assert trades[0].id.endswith("0001")


def test_matches_are_joined_as_the_exchange_joins_them(tmp_path):
    """One price, one side, within 100 ms, within a minute; off-book rows are sent but never joined."""
    base = 1790000040000 - 1790000040000 % 60000
    lines = [
        frame(1, base, "100.0", "1.0", False),
        frame(2, base + 99, "100.0", "2.0", False),
        frame(3, base + 99, "100.0", "4.0", False, "RPI"),
        frame(4, base + 100, "100.0", "8.0", False),  # 100 ms later
        frame(5, base + 101, "100.0", "16.0", True),  # other side
        frame(6, base + 102, "150.0", "0.5", True, "INSURANCE_FUND"),
        frame(7, base + 103, "100.0", "32.0", True),
        frame(8, base + 104, "100.5", "64.0", True),  # other price
        frame(9, base + 59999, "100.5", "128.0", True),
        frame(10, base + 60000, "100.5", "256.0", True),  # next minute
        frame(11, base + 60001, "0", "0", True, "NA"),
    ]
    market = RecordedMarket([written(tmp_path / "capture.gz", lines, gzip.compress)], speed=0)
    listing = market.find("BTCUSDT")
    made = [e.trade for e in played(market)]
    lot = Decimal(listing.quantity.value)
    assert [(t.id, t.first, t.last, t.quantity * lot) for t in made] == [
        (1, 1, 3, 7), (2, 4, 4, 8), (3, 5, 7, -48), (4, 8, 8, -64), (5, 9, 9, -128), (6, 10, 10, -256),
    ]  # fmt: skip
    assert made[0].without_rpi * lot == 3
    fills = [f for t in made for f in market.fills(listing, t)]
    assert [f.id for f in fills] == list(range(1, 12))
    assert [f.kind for f in fills if f.kind != "MARKET"] == ["RPI", "INSURANCE_FUND", "NA"]
    assert (fills[-1].price, fills[-1].quantity) == ("0", "0")
    assert max(m.high for m in market.tape(listing).minutes(0, 1 << 62)) == 1005


@given(
    st.lists(
        st.tuples(
            st.integers(0, 300), st.integers(1, 3), st.integers(1, 9), st.booleans(), st.sampled_from(Kind)
        ),
        min_size=1,
        max_size=60,
    )
)
def test_joining_keeps_every_sum(rows):
    """However matches are joined, each minute keeps its volume by side, and ids ascend without a hole."""
    builder, time, minutes = RecordingBuilder(Venue.BINANCE, "BTCUSDT"), 59_000, {}
    for number, (later, price, quantity, sell, kind) in enumerate(rows, start=1):
        time += later
        builder.add(
            CapturedTrade(Venue.BINANCE, "BTCUSDT", number, time, str(price), str(quantity), sell, kind)
        )
        if kind in (Kind.MARKET, Kind.RPI):
            key = time // 60_000, sell
            minutes[key] = minutes.get(key, 0) + quantity
    recording, _ = builder.build()
    made = [trade for trade, _ in recording.prints()]
    sums = {}
    for trade in made:
        key = trade.time // 60_000, trade.quantity < 0
        sums[key] = sums.get(key, 0) + abs(trade.quantity) * recording.quantity.value
    assert sums == minutes
    assert [trade.id for trade in made] == list(range(1, len(made) + 1))


def test_a_trade_recorded_twice_is_served_once(tmp_path):
    """Overlapping files of one symbol join by id."""
    one = written(tmp_path / "ETHUSDT-aggTrades-a.csv", AGG_LINES[1:])
    two = written(tmp_path / "ETHUSDT-aggTrades-b.csv", AGG_LINES[:2])
    assert [e.trade.id for e in played(RecordedMarket([one, two], speed=0))] == [100, 101, 102]


@pytest.mark.parametrize(
    ("name", "lines", "where"),
    [
        ("ETHUSDT-aggTrades-x.csv", [*AGG_LINES, "103,abc,1,1,1,1790000000000,true"], "line 4"),
        ("ETHUSDT-aggTrades-x.csv", [*AGG_LINES, "103,-1,1,1,1,1790000000000,true"], "line 4"),
        ("ETHUSDT-aggTrades-x.csv", [*AGG_LINES, "103,1,1,1,1,yesterday,true"], "line 4"),
        ("ETHUSDT-aggTrades-x.csv", [*AGG_LINES, "103,1,1,1"], "line 4"),
        ("ETHUSDT-aggTrades-x.csv", [*AGG_LINES, "103,1,1,1,1,1790000000000,perhaps"], "line 4"),
        ("nosymbol-aggTrades.csv", AGG_LINES, "line 1"),
        ("x.csv", ["hello, world"], "line 1"),
        ("x.csv", [], "line 1"),
        ("x.csv", [BYBIT_HEADER, BYBIT_LINES[0].replace("Buy", "Up")], "line 2"),
        ("x.gz", [frame(1, 5, "1", "1", False), "17 {broken"], "line 2"),
        ("x.gz", [frame(1, 5, "1", "1", False, "WHIM")], "line 1"),
    ],
)
def test_a_damaged_file_is_named_with_its_line(tmp_path, name, lines, where):
    """What cannot be read stops the loading with the file's name and the place in it."""
    path = written(tmp_path / name, lines)
    with pytest.raises(DamagedFile, match=where) as error:
        RecordedMarket([path])
    assert name in str(error.value)


def test_a_truncated_archive_is_damaged(tmp_path):
    """A truncated gzip file, and a file that only claims to be a zip, are reported as damaged."""
    whole = gzip.compress("\n".join(frame(i, 5 + i, "1", "1", False) for i in range(1, 999)).encode())
    path = tmp_path / "short.gz"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DamagedFile, match=r"short\.gz, after line"):
        RecordedMarket([path])
    path = tmp_path / "bad.zip"
    path.write_bytes(b"PK\x03\x04nothing")
    with pytest.raises(DamagedFile, match=r"bad\.zip"):
        RecordedMarket([path])


@pytest.mark.parametrize("speed", [-1.0, float("nan")])
def test_a_speed_without_sense_is_refused(tmp_path, speed):
    """Speed is 0 or more."""
    with pytest.raises(ValueError, match="speed"):
        RecordedMarket([written(tmp_path / "ETHUSDT-aggTrades.csv", AGG_LINES)], speed)


def test_a_recording_waits_for_its_first_listener(tmp_path):
    """With a clock, nothing is due before someone listens; then it runs, listeners or not."""
    market = RecordedMarket([written(tmp_path / "ETHUSDT-aggTrades.csv", AGG_LINES)], speed=1e9)
    assert market.poll(set()) == []
    assert market.due_in(set()) == float("inf")
    day = market.day(market.listings[0])
    assert (day.last, day.open, day.volume) == (2501, 2501, 0)
    market.poll(set(market.listings))
    while not market.finished:
        market.poll(set())
    assert len(market.tape(market.listings[0])) == 3


CAPTURES = [
    ("hftbacktest/usdm/btcusdt_20240808.gz", "BTCUSDT-1m-2024-08", "BTCUSDT", 5),
    ("hftbacktest/usdm/btcusdt_20230405.dat.gz", "BTCUSDT-1m-2023-04", "BTCUSDT", 6),
    (
        "danlasota-trxusdt/test_positive_binance_trade_stream_usd_m_futures_trxusdt_04-03-2025.csv",
        "TRXUSDT-1m-2025-03",
        "TRXUSDT",
        16,
    ),
]


@pytest.mark.parametrize(("file", "oracle", "symbol", "full"), CAPTURES)
def test_a_served_capture_adds_up_to_the_exchanges_candles(
    data, running, joined, get, file, oracle, symbol, full
):
    """Aggregates of a real capture give the venue's own OHLC, volume, turnover and taker-buy sums."""
    market = RecordedMarket([data / file], speed=0)
    exchange = running(market)
    client = joined(f"{exchange.ws_root}/market/ws/{symbol.lower()}@aggTrade")
    minutes, number = {}, 0
    end = len(played(RecordedMarket([data / file], speed=0)))
    while number < end:
        t = client.receive()
        number += 1
        assert t["a"] == number
        minutes.setdefault(t["T"] - t["T"] % 60_000, []).append((Decimal(t["p"]), Decimal(t["q"]), t["m"]))
    assert client.silent(0.1)
    _, _, rows = get(f"{exchange.rest_root}/fapi/v1/klines?symbol={symbol}&interval=1m&limit=1500")
    klines = {row[0]: row for row in rows}
    exact = 0
    with (data / "isda-klines" / f"{oracle}.excerpt.csv").open() as lines:
        for row in csv.reader(lines):
            mine = minutes.get(int(row[0]), [])
            counted = [
                mine[0][0], max(p for p, _, _ in mine), min(p for p, _, _ in mine), mine[-1][0],
                sum(q for _, q, _ in mine), sum(p * q for p, q, _ in mine),
                sum(q for _, q, m in mine if not m), sum(p * q for p, q, m in mine if not m),
            ] if mine else []  # fmt: skip
            theirs = [Decimal(row[i]) for i in (1, 2, 3, 4, 5, 7, 9, 10)]
            if counted == theirs:
                exact += 1
                assert [Decimal(klines[int(row[0])][i]) for i in (1, 2, 3, 4, 5, 7, 9, 10)] == theirs
                assert klines[int(row[0])][8] == int(row[8])
    assert exact == full


def test_a_capture_of_single_trades_is_served_as_recorded(data, running, joined):
    """The @trade stream sends every recorded row, including the insurance fund's."""
    market = RecordedMarket([data / CAPTURES[1][0]], speed=float("inf"))
    client = joined(running(market).ws_root + "/public/stream?streams=btcusdt@trade")
    frames = [client.receive()["data"] for _ in range(10_738)]
    ids = [f["t"] for f in frames]
    assert ids == list(range(ids[0], ids[0] + 10_738))
    odd = [f for f in frames if f["X"] != "MARKET"]
    assert [(f["X"], f["t"], Decimal(f["p"])) for f in odd] == [
        ("INSURANCE_FUND", 3535191080, Decimal("28722.50"))
    ]


def test_a_bybit_capture_is_served_whole(data, running, joined):
    """All 327 linear trades of the capture come once, with their own ids; spot trades do not."""
    path = data / "cryptofeed" / "BYBIT.jsonl.zst"
    market = RecordedMarket([path], speed=0)
    assert {x.symbol for x in market.listings} == {"BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT"}
    client = joined(running(market).bybit_ws)
    client.send(op="subscribe", args=[f"publicTrade.{x.symbol}" for x in market.listings])
    rows = []
    while len(rows) < 327:
        rows += client.receive().get("data", [])
    recorded = []
    with zstandard.open(path, "rt") as lines:
        for entry in map(json.loads, lines):
            if entry["t"] == "recv" and entry["conn"] == "BYBIT.ws.2" and '"publicTrade.' in entry["data"]:
                recorded += json.loads(entry["data"])["data"]
    for row in (*recorded, *rows):
        row["p"], row["v"] = Decimal(row["p"]), Decimal(row["v"])
        del row["L"]  # the direction of the tick is not kept
    assert sorted(rows, key=lambda row: row["i"]) == sorted(recorded, key=lambda row: row["i"])


def test_a_binance_capture_of_aggregates_keeps_the_exchanges_ids(data):
    """aggTrade captures are served with their own ids; single matches inside are unknown."""
    market = RecordedMarket([data / "cryptofeed" / "BINANCE_FUTURES.jsonl.zst"], speed=0)
    made = played(market)
    assert len(made) == 91
    listing = market.find("CTKUSDT")
    assert next(e.trade for e in made if e.listing is listing).id == 16599292
    assert all(market.fills(e.listing, e.trade) == () for e in made)


def test_a_corrupted_and_a_spot_recording_are_refused(data):
    """A negative price and trades of the spot market are reported with file and line."""
    bad = (
        data / "danlasota-trxusdt" / "test_negative_binance_trade_stream_usd_m_futures_trxusdt_04-03-2025.csv"
    )
    with pytest.raises(DamagedFile, match=r"line 2: not a plain decimal number: '-1'"):
        RecordedMarket([bad])
    with pytest.raises(DamagedFile, match="spot"):
        RecordedMarket([data / "hftbacktest" / "spot" / "btcusdt_20240808.gz"])
