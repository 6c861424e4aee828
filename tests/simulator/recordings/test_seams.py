"""Files that overlap or meet: repeated rows count once, conflicting rows are reported."""

import gzip

import pytest

from orderflow_dash.simulator import Loading
from orderflow_dash.simulator.recordings.splicing import silences

START = 1_789_430_400_000
MINUTE = 60_000
DAY = 86_400_000
BYBIT = "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional"


def aggregates(folder, name, ids, price="250.5"):
    lines = [f"{i},{price},1.5,{2 * i},{2 * i + 1},{START + i * 100},true" for i in ids]
    path = folder / f"ETHUSDT-aggTrades-{name}.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def matches(folder, name, ids, price="250.5"):
    lines = [f"{i},{price},1.5,1,{START + i * 100},true" for i in ids]
    path = folder / f"ETHUSDT-trades-{name}.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def bybit(folder, name, ids, price="250.5", start=START):
    lines = []
    for i in ids:
        at = start + i * 100
        lines.append(f"{at // 1000}.{at % 1000:03d},ETHUSDT,Sell,1.5,{price},PlusTick,u{i:06d},1,1,1")
    path = folder / f"ETHUSDT{name}.csv.gz"
    path.write_bytes(gzip.compress("\n".join([BYBIT, *lines]).encode()))
    return path


MAKERS = pytest.mark.parametrize("make", [aggregates, matches, bybit])


def loaded(*paths):
    loading = Loading(list(paths))
    (recording,) = loading.run(strict=False)
    return recording, loading.files


@MAKERS
@pytest.mark.parametrize("turned", [False, True])
def test_files_that_overlap_count_each_row_once(tmp_path, make, turned):
    """In either order; how many rows stand in both is reported, and nothing is a gap."""
    paths = [make(tmp_path, "a", range(100)), make(tmp_path, "b", range(60, 160))]
    recording, files = loaded(*(paths[::-1] if turned else paths))
    assert len(recording) == 160
    assert [(file.repeats, file.conflicts) for file in files] == [(0, 0), (40, 0)]
    assert files[1].notes == ["40 rows are in the recording twice and counted once"]
    assert recording.gaps == ()


@MAKERS
def test_other_trades_with_known_ids_are_left_out_and_named(tmp_path, make):
    """Each with its line and that of the trade that counts; where one is missing there is a gap."""
    one, two = make(tmp_path, "a", range(100)), make(tmp_path, "b", [98, 99], price="260.5")
    three = make(tmp_path, "c", range(100, 160))
    recording, files = loaded(one, two, three)
    first = 0 if make is not bybit else 1  # the header's line
    assert len(recording) == 160
    assert [file.conflicts for file in files] == [0, 2, 0]
    assert [note.split(" of ETHUSDT is ")[1] for note in files[1].notes] == [
        f"another trade in line {row + first} of {one.name}; left out, its candle is marked as a gap"
        for row in (99, 100)
    ]
    assert [note.partition(":")[0] for note in files[1].notes] == [f"line {1 + first}", f"line {2 + first}"]
    at = [START + i * 100 for i in (98, 99)]
    assert [gap for gap in recording.gaps if gap[0] == gap[1]] == [(time, time) for time in at]


def test_a_repeat_inside_a_file_is_reported(tmp_path):
    """The same as between two."""
    recording, (file,) = loaded(aggregates(tmp_path, "a", [*range(50), 20, 21]))
    assert (len(recording), file.repeats, file.conflicts) == (50, 2, 0)


def test_ids_that_a_file_of_matches_lacks_are_gaps(tmp_path):
    """But not a few at once: matches off the book take ids, and day files leave them out."""
    ids = [*range(50), *range(53, 100), *range(160, 200)]
    recording, _ = loaded(matches(tmp_path, "a", ids))
    assert list(recording.gaps) == [(START + 9_900, START + 16_000)]


@pytest.mark.parametrize(
    ("first_end", "second_start", "damaged", "is_gap"),
    [
        (DAY, DAY, False, False),  # midnight
        (DAY, DAY, True, True),  # the first file breaks off
        (DAY, 2 * DAY, False, True),  # a day is missing
        (DAY - 6 * 3_600_000, DAY, False, True),  # its last hours are
        (6 * 3_600_000, 7 * 3_600_000, False, True),  # an hour of one day is
        (DAY, DAY - 1_000, False, False),  # they overlap
    ],
)
def test_between_bybit_files(tmp_path, first_end, second_start, damaged, is_gap):
    """No gap where one whole day follows the other."""
    one = bybit(tmp_path, "a", range(100), start=START + first_end - 10_000)
    two = bybit(tmp_path, "b", range(100, 200), start=START + second_start - 10_000)
    if damaged:
        one.write_bytes(gzip.compress(gzip.decompress(one.read_bytes()) + b"\nbroken"))
    recording, _ = loaded(one, two)
    last, first = START + first_end - 100, START + second_start
    ends = [(last, last)] if damaged else []
    assert list(recording.gaps) == [*ends, *([(last, first)] if is_gap else [])]


def test_a_quiet_symbol_may_be_quiet_at_midnight(tmp_path):
    """No longer than it is by day."""
    lines = [[START + DAY - (8 - i) * 20 * MINUTE, i] for i in range(16)]
    paths = []
    for name, part in (("a", lines[:8]), ("b", lines[8:])):
        rows = [f"{at // 1000},ETHUSDT,Buy,1,250.5,PlusTick,u{i},1,1,1" for at, i in part]
        paths.append(tmp_path / f"ETHUSDT{name}.csv")
        paths[-1].write_text("\n".join([BYBIT, *rows]))
    recording, _ = loaded(*paths)
    assert recording.gaps == ()
    assert len(silences([recording.rows.times])) == 15


def test_a_silence_is_one_of_all_symbols(tmp_path):
    """Where one trades, time goes on."""
    one, _ = loaded(aggregates(tmp_path, "a", [0, 10, 6_000, 12_000]))
    two, _ = loaded(bybit(tmp_path, "b", [5, 6_005]))
    assert silences([one.rows.times, two.rows.times]) == [
        (START + 1_000, START + 600_000),
        (START + 600_500, START + 1_200_000),
    ]
    assert silences([two.rows.times]) == [(START + 500, START + 600_500)]
    assert silences([]) == []
