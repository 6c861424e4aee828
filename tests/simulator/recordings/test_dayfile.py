"""Day files of every format become columns of exact integers, and a bad line is reported."""

import gzip
import re
import zipfile
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orderflow_dash.market import Venue
from orderflow_dash.simulator import DamagedFile, Loading, probe
from orderflow_dash.simulator.recordings.columns import blocks, parse
from orderflow_dash.simulator.recordings.dayfile import day_format

AGG_HEADER = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
AGG_ROWS = [
    "100,250.10,1.500,900,902,1790000000000,true",
    "101,250.2,0.25,903,903,1790000000100,false",
    "102,251,3,904,910,1790000061000,false",
]
EXPECTED = [
    (100, 1790000000000, Decimal("250.1"), Decimal("-1.5")),
    (101, 1790000000100, Decimal("250.2"), Decimal("0.25")),
    (102, 1790000061000, Decimal("251"), Decimal("3")),
]
BYBIT_HEADER = (
    "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional"
)


def bybit_row(number, seconds, side="Buy", size="0.5", price="3000.1", symbol="ETHUSDT"):
    uuid = f"7b1f0f26-3f2e-5a3e-9df5-{number:012d}"
    return f"{seconds},{symbol},{side},{size},{price},PlusTick,{uuid},1.5e+11,0.5,1500.075"


def written(tmp_path, rows, *, ending="\n", tail="\n", name="ETHUSDT-aggTrades-2026-09-15.csv", pack="csv"):
    """A file of these lines, packed."""
    data = (ending.join(rows) + tail).encode()
    if pack == "zip":
        path = tmp_path / "day.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, data)
        return path
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if pack == "gz" else data)
    return path


def loaded(path):
    """The file's rows as exact decimals, and the loading."""
    loading = Loading([path])
    (recording,) = loading.run(strict=True)
    stored, price, quantity = recording.rows, recording.price.value, recording.quantity.value
    columns = zip(stored.ids, stored.times, stored.prices, stored.quantities, strict=True)
    rows = [(int(i), int(t), int(p) * price, int(q) * quantity) for i, t, p, q in columns]
    return rows, loading.files[0], recording


@pytest.mark.parametrize("pack", ["csv", "zip", "gz"])
@pytest.mark.parametrize("header", [[], [AGG_HEADER]])
@pytest.mark.parametrize(("ending", "tail"), [("\n", "\n"), ("\n", ""), ("\r\n", "\r\n"), ("\n", "\n\n\n")])
def test_a_binance_day_file_is_read_in_every_variant(tmp_path, pack, header, ending, tail):
    """Header or not, packed or not, either line ending, empty lines at the end, lost trailing zeros."""
    path = written(tmp_path, header + AGG_ROWS, ending=ending, tail=tail, pack=pack)
    rows, file, recording = loaded(path)
    assert rows == EXPECTED
    assert (recording.price.value, recording.quantity.value) == (Decimal("0.1"), Decimal("0.01"))
    assert (file.rows, file.zero_quantities, file.error) == (3, 0, "")
    assert file.loaded_bytes == file.bytes == path.stat().st_size
    assert probe(path) == {Venue.BINANCE}


def test_microseconds_become_milliseconds(tmp_path):
    """A file whose times are in microseconds gives the same trades."""
    rows = [re.sub(r"(1790\d{9})", r"\g<1>789", row) for row in AGG_ROWS]
    assert loaded(written(tmp_path, rows))[0] == EXPECTED


@pytest.mark.parametrize("shuffled", [False, True])
def test_zero_quantities_are_counted_and_leave_no_hole(tmp_path, shuffled):
    """An aggregate of nothing is skipped, and the ids after it move up; a hole in the file stays one."""
    rows = [
        "100,250.10,1.500,900,902,1790000000000,true",
        "101,0,0,903,903,1790000000001,true",
        "102,251,0.000,904,904,1790000000002,true",
        "103,251,3,905,905,1790000000003,false",
        "107,251,2,905,905,1790000000004,false",
        "108,251,0,905,905,1790000000005,false",
        "109,251,1,905,905,1790000000006,false",
    ]
    _, file, recording = loaded(written(tmp_path, rows[::-1] if shuffled else rows))
    assert (file.rows, file.zero_quantities) == (7, 3)
    assert [(trade.id, trade.quantity) for trade, _ in recording.prints()] == [
        (100, -15), (101, 30), (105, 20), (106, 10),
    ]  # fmt: skip
    assert recording.rows.times.tolist() == [1790000000000 + i for i in (0, 3, 4, 6)]


def test_interleaved_and_repeated_rows_are_put_in_order(tmp_path):
    """Rows go by id, and an id counts once."""
    assert loaded(written(tmp_path, [AGG_ROWS[1], AGG_ROWS[2], AGG_ROWS[0], AGG_ROWS[1]]))[0] == EXPECTED


@pytest.mark.parametrize("backwards", [False, True])
def test_a_bybit_day_file_is_read_in_either_order(tmp_path, backwards):
    """From new to old as well; within a millisecond the file's own order counts; an id counts once."""
    rows = [
        bybit_row(1, "1790000000.1234", "Buy", "0.50"),
        bybit_row(2, "1790000000.1236", "Sell", "1"),
        bybit_row(3, "1790000000.1", "Sell", "2"),
        bybit_row(4, "1790000001", "Sell", "0.001", "3000"),
        bybit_row(4, "1790000001", "Sell", "0.001", "3000"),
    ]
    path = written(
        tmp_path,
        [BYBIT_HEADER, *(rows[::-1] if backwards else rows)],
        name="ETHUSDT2026-09-15.csv",
        pack="gz",
    )
    found, _, recording = loaded(path)
    assert [row[1:] for row in found] == [
        (1790000000100, Decimal("3000.1"), -2),
        (1790000000123, Decimal("3000.1"), Decimal("0.5")),
        (1790000000123, Decimal("3000.1"), -1),
        (1790000001000, Decimal("3000"), Decimal("-0.001")),
    ]
    assert [uuid[-2:] for uuid in recording.rows.uuids.tolist()] == [b"03", b"01", b"02", b"04"]
    assert probe(path) == {Venue.BYBIT}


def test_the_rpi_column_is_kept(tmp_path):
    """Since 2025 a column marks retail price improvement."""
    rows = [bybit_row(1, "1790000000.1") + ",0", bybit_row(2, "1790000000.2") + ",1"]
    _, _, recording = loaded(written(tmp_path, [BYBIT_HEADER + ",RPI", *rows], name="x.csv"))
    assert recording.rows.kinds.tolist() == [0, 1]


BAD = {
    "four columns": ("103,1,1,1", "4 columns instead of 7"),
    "eight columns": ("103,1,1,1,1,1790000000000,true,true", "8 columns instead of 7"),
    "no number": ("103,abc,1,1,1,1790000000000,true", "not a plain decimal number: 'abc'"),
    "negative": ("103,-1,1,1,1,1790000000000,true", "not a plain decimal number: '-1'"),
    "a bare exponent": ("103,e5,1,1,1,1790000000000,true", "not a plain decimal number: 'e5'"),
    "exponent of an id": ("1e2,1,1,1,1,1790000000000,true", "not a whole number: '1e2'"),
    "huge exponent": ("103,1e30,1,1,1,1790000000000,true", "out of range: '1e30'"),
    "tiny exponent": ("103,1e-11,1,1,1,1790000000000,true", "out of range: '1e-11'"),
    "huge": (f"103,{'9' * 40},1,1,1,1790000000000,true", "out of range"),
    "huge id": (f"{'9' * 40},1,1,1,1,1790000000000,true", "out of range"),
    "too fine": ("103,1.00000000001,1,1,1,1790000000000,true", "out of range"),
    "price 0": ("103,0,1,1,1,1790000000000,true", "a trade at price 0"),
    "no flag": ("103,1,1,1,1,1790000000000,maybe", "invalid boolean 'maybe': use true or false"),
    "letters": ("103,1,1,1,1,yesterday,true", "not a plain decimal number: 'yesterday'"),
    "bytes": ("103,1,\ufffd,1,1,1790000000000,true", "not a plain decimal number"),
}


@pytest.mark.parametrize(("line", "reason"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("pack", ["csv", "zip"])
def test_a_bad_line_is_named_and_what_stands_before_it_counts(tmp_path, line, reason, pack):
    """File, line and reason are reported; the rows before the line are kept, those after it are not."""
    path = written(tmp_path, [AGG_HEADER, *AGG_ROWS[:2], line, AGG_ROWS[2]], pack=pack)
    with pytest.raises(DamagedFile, match=re.escape(reason)) as error:
        Loading([path]).run(strict=True)
    assert f"{path}, line 4: " in str(error.value)
    assert probe(path) == {Venue.BINANCE}  # what stands before it is worth a start
    loading = Loading([path])
    (recording,) = loading.run(strict=False)
    assert recording.rows.ids.tolist() == [100, 101]
    assert loading.files[0].error == str(error.value)


def test_a_bad_line_far_into_a_file_is_named(tmp_path):
    """Line numbers hold over the pieces in which a file is read."""
    rows = [f"{i},250.1,1.5,{i},{i},{1790000000000 + i},true" for i in range(200_000)]
    rows[150_000] = "what,is,this"
    loading = Loading([written(tmp_path, rows, pack="zip")])
    (recording,) = loading.run(strict=False)
    assert "line 150001: 3 columns instead of 7" in loading.files[0].error
    assert len(recording) == 150_000


@pytest.mark.parametrize("share", [0.3, 0.7, 0.999])
def test_what_a_cut_gzip_file_still_holds_is_served(tmp_path, share):
    """The whole lines before the cut are kept, and the error says after which line it is."""
    rows = [bybit_row(i, f"{1790000000 + i}.5") for i in range(30_000)]
    path = written(tmp_path, [BYBIT_HEADER, *rows], name="ETHUSDT2026-09-15.csv", pack="gz")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    loading = Loading([path])
    (recording,) = loading.run(strict=False)
    assert 0 < len(recording) < 30_000 or share > 0.99
    assert f"{path}, after line {len(recording) + 1}: " in loading.files[0].error


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([AGG_HEADER], "no trade"),
        ([BYBIT_HEADER], "no trade"),
        (["hello, world"], "unknown recording format: 'hello, world'"),
        ([""], "unknown recording format"),
    ],
)
def test_a_file_without_trades_is_refused_at_once(tmp_path, rows, reason):
    """A header alone and an unknown format are reported by the first lines."""
    with pytest.raises(DamagedFile, match=re.escape(reason)):
        probe(written(tmp_path, rows, name="ETHUSDT-x.csv"))


def test_a_file_must_have_exactly_one_symbol(tmp_path):
    """Binance's file name starts with it; the rows of a Bybit file agree on it."""
    with pytest.raises(DamagedFile, match="does not start with a symbol"):
        probe(written(tmp_path, AGG_ROWS, name="what is this.csv"))
    rows = [BYBIT_HEADER, bybit_row(1, "1790000000"), bybit_row(2, "1790000000", symbol="BTCUSDT")]
    with pytest.raises(DamagedFile, match="line 3: a trade of 'BTCUSDT' in a file of ETHUSDT"):
        Loading([written(tmp_path, rows, name="x.csv")]).run(strict=True)


def reference(lines):
    """(rows, number of the first bad line), by a plain parser in decimals, line by line."""
    rows = []
    for number, line in enumerate(lines):
        text = line.strip()
        if not text:
            continue
        cells = text.split(",")
        if cells[0] == "agg_trade_id":
            continue
        plain_number = r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?"
        plain = len(cells) == 7 and all(
            len(cell) <= 64 and re.fullmatch(plain_number, cell) for cell in cells[:6]
        )
        if not plain or cells[6].lower() not in ("true", "false", "1", "0"):
            return rows, number
        values = [Decimal(cell) for cell in cells[:6]]
        price, quantity = values[1] * 10**10, values[2] * 10**8
        whole = [cells[i] for i in (0, 3, 4, 5)]
        exact = (
            price == int(price)
            and quantity == int(quantity)
            and all(re.fullmatch("[0-9]+", cell) for cell in whole)
        )
        lengths = [(1, 8), (2, 10), (0, 18), (3, 18), (4, 18), (5, 18)]
        longest = [(len(re.match("[0-9]+", cells[i])[0]), most) for i, most in lengths]
        if not exact or max(price, quantity) >= 10**18 or any(length > most for length, most in longest):
            return rows, number
        time = int(values[5]) // (1000 if values[5] >= 10**14 else 1)
        if quantity and not price:
            return rows, number
        sell = cells[6].lower() in ("true", "1")
        signed = -int(quantity) if sell else int(quantity)
        rows.append((int(values[0]), time, int(price), signed, int(values[3]), int(values[4])))
    return rows, None


number_texts = st.one_of(
    st.decimals(0, 99_999, places=4).map(str).filter(lambda text: "E" not in text),
    st.from_regex(r"[0-9]{1,9}(\.[0-9]{1,12})?", fullmatch=True),
    st.from_regex(r"[0-9]{1,9}(\.[0-9]{1,12})?[eE][+-]?[0-9]{1,3}", fullmatch=True),
    st.sampled_from(
        [
            "0",
            "0.0",
            "1.",
            ".5",
            "",
            "1e3",
            "1e-05",
            "5.1E+3",
            "1e",
            "e3",
            "1e+-3",
            "0e-99",
            "9.9e999",
            "+1",
            "-1",
            "1.2.3",
            "00012.50",
            "٣",
            "9" * 18,
            "9" * 19,
        ]
    ),
)
ids = st.one_of(st.integers(0, 10**12).map(str), st.sampled_from(["", "1.0", "9" * 18, "9" * 19, "x"]))
times = st.one_of(
    st.integers(1_790_000_000_000, 1_790_000_060_000).map(str),
    st.integers(1_790_000_000_000_000, 1_790_000_060_000_000).map(str),
    st.sampled_from(
        ["0", "1262303999999", "1262304000000", "4102444800000", "99999999999999", "1790000000.5"]
    ),
)
flags = st.sampled_from(["true", "false", "True", "False", "TRUE", "1", "0", "tru", "yes", "2"])
good_lines = st.builds(
    "{},{},{},{},{},{},{}".format,
    st.integers(0, 10**12),
    st.decimals("0.0001", 99_999, places=4),
    st.decimals(0, 99_999, places=3),
    st.integers(0, 10**12),
    st.integers(0, 10**12),
    st.integers(1_790_000_000_000, 1_790_000_060_000),
    st.sampled_from(["true", "false"]),
)
any_lines = st.builds("{},{},{},{},{},{},{}".format, ids, number_texts, number_texts, ids, ids, times, flags)
all_lines = st.one_of(
    good_lines, good_lines, any_lines, st.sampled_from(["", "  ", AGG_HEADER, "a,b", ",,,,,,"])
)


@given(st.lists(all_lines, min_size=1, max_size=30), st.sampled_from(["\n", "\r\n"]), st.booleans())
@example(["1,1.00000000000000000000,1,1,1,1790000000000,1"], "\n", True)
@example([*AGG_ROWS, "1,1,1", *AGG_ROWS], "\r\n", False)
def test_columns_are_what_a_plain_reading_gives(lines, ending, ended):
    """Any lines: the same integers as decimals give row by row, up to the same first bad line."""
    block = (ending.join(lines) + (ending if ended else "")).encode()
    form = day_format([AGG_HEADER.encode()], "ETHUSDT-aggTrades.csv")
    columns, bad = parse(block, form)
    rows, first_bad = reference(lines)
    names = ("ids", "times", "prices", "quantities", "firsts", "lasts")
    assert list(zip(*(getattr(columns, name).tolist() for name in names), strict=True)) == rows
    assert (None if bad is None else bad.line) == first_bad
    assert all(len(getattr(columns, name)) == len(rows) for name in ("sells", "kinds", "rpi"))
    assert columns.prices.dtype == np.int64


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=20))
def test_pieces_of_a_file_are_whole_lines(parts):
    """However a stream delivers its bytes, the pieces join to the file, and each ends with a line."""

    class Slow:
        def __init__(self):
            self.left = list(parts)

        def read1(self, size):
            del size
            return self.left.pop(0) if self.left else b""

    pieces = list(blocks(Slow(), b"head\n"))
    assert b"".join(pieces) == b"head\n" + b"".join(parts)
    assert all(piece.endswith(b"\n") for piece in pieces[:-1])
