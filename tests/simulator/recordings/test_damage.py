"""A damaged day file is played up to the damage, a row with a wrong time is left out, and both are named."""

import gzip
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.simulator import DamagedFile, Loading, probe
from orderflow_dash.simulator.recordings.splicing import misplaced

START = 1_789_430_400_000
DAY = 86_400_000
AGGREGATES = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
MATCHES = "id,price,qty,quote_qty,time,is_buyer_maker"
BYBIT = "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional"


def line(kind, i, time=None):
    """A good row; a trade every 100 ms."""
    time = START + i * 100 if time is None else time
    price, size = f"{250 + i % 7}.{i % 10}", f"{1 + i % 3}.5"
    if kind == "aggregates":
        return f"{100 + i},{price},{size},{2 * i},{2 * i + 1},{time},true"
    if kind == "matches":
        return f"{100 + i},{price},{size},1e+3,{time},false"
    return f"{time // 1000}.{time % 1000:03d}4,ETHUSDT,Buy,{size},{price},PlusTick,u{i:06d},1.5e+11,1,1"


HEADER = {"aggregates": AGGREGATES, "matches": MATCHES, "bybit": BYBIT}
KINDS = list(HEADER)


def written(folder, kind, lines, tail=b"\n"):
    names = {
        "aggregates": "ETHUSDT-aggTrades-2026-09-15.csv",
        "matches": "ETHUSDT-trades-2026-09-15.csv",
        "bybit": "ETHUSDT2026-09-15.csv.gz",
    }
    data = b"\n".join(each if isinstance(each, bytes) else each.encode() for each in lines) + tail
    path = folder / names[kind]
    path.write_bytes(gzip.compress(data) if kind == "bybit" else data)
    return path


def loaded(*paths):
    loading = Loading(list(paths))
    recordings = loading.run(strict=False)
    return (recordings[0] if recordings else None), loading.files


SPOILED = {
    "an empty cell": lambda good: good.replace(",250", ",", 1).replace(",251", ",", 1).encode(),
    "a short row": lambda good: good.rpartition(",")[0].encode(),
    "a long row": lambda good: f"{good},1".encode() + b",2",
    "garbage": lambda _: random.Random(1).randbytes(80).replace(b"\n", b"x"),
    "a row in two": lambda good: good[: len(good) // 2].encode(),
    "zeros": lambda _: bytes(200),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spoil", SPOILED)
@pytest.mark.parametrize("at", [1, 40, 3_000])
def test_damage_anywhere_is_played_up_to_it(tmp_path, kind, spoil, at):
    """At line 42 and at the two hundredth kilobyte alike, the rows before it and its line are reported."""
    lines = [line(kind, i) for i in range(5_000)]
    lines[at] = SPOILED[spoil](line(kind, 0))
    path = written(tmp_path, kind, [HEADER[kind], *lines])
    probe(path)
    recording, (file,) = loaded(path)
    assert len(recording) == at
    assert file.error.startswith(f"{path}, line {at + 2}: ")
    assert "\n" not in file.error


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spoil", SPOILED)
@pytest.mark.parametrize("header", [True, False])
def test_damage_before_the_first_row_is_passed_over(tmp_path, kind, spoil, header):
    """A file with usable rows is not refused for its first lines; these are named."""
    lines = [SPOILED[spoil](line(kind, 0))] * 2 + [line(kind, i) for i in range(2, 50)]
    path = written(tmp_path, kind, [HEADER[kind]] * header + lines)
    probe(path)
    recording, (file,) = loaded(path)
    assert (len(recording), file.left_out, file.error) == (48, 2, "")
    assert file.damage[0].startswith(f"line {1 + header}: ")
    assert file.all_damage.startswith(f"{path}, line {1 + header}: ")


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_without_any_usable_row_is_refused(tmp_path, kind):
    """With the line of the first bad row."""
    lines = [line(kind, i).rpartition(",")[0] for i in range(50)]
    path = written(tmp_path, kind, [HEADER[kind], *lines])
    with pytest.raises(DamagedFile, match=r"line 2: .* columns instead of"):
        probe(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_header_and_a_file_that_ends_inside_a_row(tmp_path, kind):
    """The format shows by the rows; the last one, cut off, is named."""
    path = written(
        tmp_path, kind, [line(kind, i) for i in range(50)], tail=b"\n" + line(kind, 50)[:9].encode()
    )
    probe(path)
    recording, (file,) = loaded(path)
    assert len(recording) == 50
    assert f"{path}, line 51: " in file.error


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("years", [10, 0.01, -0.01, -10, -56, 900])
@pytest.mark.parametrize("at", [0, 1, 25, 48, 49])
def test_one_wrong_time_is_damage_of_its_row(tmp_path, kind, years, at):
    """Years or days away, anywhere: its line is named, the rows after it play, the span stays short."""
    time = max(5, int(START + years * 365 * DAY))
    lines = [line(kind, i) for i in range(50)]
    lines[at] = line(kind, at, time)
    path = written(tmp_path, kind, [HEADER[kind], *lines])
    recording, (file,) = loaded(path)
    assert (len(recording), file.left_out, file.error) == (49, 1, "")
    assert file.all_damage == f"{path}, line {at + 2}: its time is far from those of its neighbors (left out)"
    assert int(recording.rows.times.max() - recording.rows.times.min()) < 5_000
    if kind != "aggregates" and 0 < at < 49:  # of aggregates the ids show it
        assert list(recording.gaps) == [(START + (at - 1) * 100, START + (at + 1) * 100)]


def test_wrong_times_in_a_file_that_runs_backwards(tmp_path):
    """Older Bybit files do; the lines are those of the file."""
    lines = [line("bybit", i) for i in range(99, -1, -1)]
    lines[0] = line("bybit", 99, START + 3650 * DAY)
    lines[60] = line("bybit", 39, START - 3650 * DAY)
    recording, (file,) = loaded(written(tmp_path, "bybit", [BYBIT, *lines]))
    assert (len(recording), file.left_out) == (98, 2)
    assert [note.partition(":")[0] for note in file.damage] == ["line 2", "line 62"]
    assert bool((np.diff(recording.rows.times) >= 0).all())


@pytest.mark.parametrize("kind", KINDS)
def test_a_hole_of_hours_is_not_damage(tmp_path, kind):
    """The rows after it are kept."""
    lines = [
        line(kind, i, START + i * 100 + (i >= 40) * 7_200_000 + (i >= 48) * 80_000_000) for i in range(50)
    ]
    recording, (file,) = loaded(written(tmp_path, kind, [HEADER[kind], *lines]))
    assert (len(recording), file.left_out, file.error) == (50, 0, "")


def test_only_ten_rows_are_named_one_by_one(tmp_path):
    """The others are counted."""
    lines = [line("aggregates", i, START + 3650 * DAY if i % 20 == 7 else None) for i in range(400)]
    _, (file,) = loaded(written(tmp_path, "aggregates", lines))
    assert file.left_out == 20
    assert len(file.damage) == 11
    assert file.damage[-1] == "20 rows left out in total"


steps = st.lists(st.integers(-20_000, 900_000), min_size=20, max_size=80)


@given(steps, st.dictionaries(st.integers(0, 19), st.integers(-4_000, 4_000), max_size=1))
def test_a_single_stray_row_is_the_only_one_found(gaps, strays):
    """Rows that lag a little and pause for long are good; one that is hundreds of days off is not."""
    times = START + np.cumsum(np.array(gaps, np.int64))
    strays = {at: days for at, days in strays.items() if abs(days) > 30}
    for at, days in strays.items():
        times[at] += days * DAY
    found = misplaced(times, 0, 1 << 60)
    assert np.flatnonzero(found).tolist() == sorted(strays)
