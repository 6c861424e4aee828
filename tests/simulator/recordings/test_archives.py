"""Archives: the one table among other files, and the readable part of damaged ones."""

import gzip
import io
import os
import re
import zipfile
import zlib

import pytest

from orderflow_dash.simulator import DamagedFile, Loading, probe

NAME = "ETHUSDT-aggTrades-2026-09-15.csv"


def rows(count, first=0):
    return [f"{i},25{i % 7}.1,1.5,{i},{i},{1790000000000 + i * 10},true" for i in range(first, first + count)]


def text(count):
    return ("\n".join(rows(count)) + "\n").encode()


def zipped(path, files, *, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return path


def loaded(path):
    loading = Loading([path])
    recordings = loading.run(strict=False)
    return (recordings[0] if recordings else None), loading.files[0]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2])
def test_folders_and_what_systems_add_do_not_count(tmp_path, method):
    """The table may lie in folders, beside a checksum and a Mac's own files."""
    files = [
        ("data/", b""),
        (f"data/futures/um/daily/{NAME}", text(50)),
        (f"__MACOSX/data/futures/um/daily/._{NAME}", b"\0\5\26\7 of a Mac"),
        ("data/.DS_Store", b"\0\0\0\1"),
        (f"data/futures/um/daily/{NAME}.CHECKSUM", b"abc"),
    ]
    path = zipped(tmp_path / "some day.zip", files, method=method)
    probe(path)
    recording, file = loaded(path)
    assert (recording.symbol, len(recording), file.error) == ("ETHUSDT", 50, "")


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ("币安人生USDT-aggTrades-2025-10-20.zip", "币安人生USDT-aggTrades-2025-10-20.csv"),
        ("币安人生USDT-aggTrades-2025-10-20.zip", "data.csv"),
        ("download (1).zip", "um/龙虾USDT-trades-2025-10-20.CSV"),
        ("a.ZIP", "Copy of 1000PEPEUSDT-aggTrades-2025-10-20 (2).csv"),
    ],
)
def test_either_name_gives_the_symbol(tmp_path, outer, inner):
    """Of any script, with anything before and after it, of the table or else of the archive."""
    recording, file = loaded(zipped(tmp_path / outer, [(inner, text(5))]))
    wanted = re.search(r"([^\W_]+)-(aggTrades|trades)", f"{inner} {outer}")[1]
    assert (recording.symbol, file.error) == (wanted, "")


def test_a_name_that_was_not_marked_as_utf8_is_read_all_the_same(tmp_path):
    """Many programs write the bytes and leave the mark out."""
    inner = "币安人生USDT-aggTrades-2025-10-20.csv"
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(inner, text(5))
    raw = bytearray(data.getvalue())
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(magic) + at + 1] &= ~0x08
    path = tmp_path / "day.zip"
    path.write_bytes(raw)
    assert loaded(path)[0].symbol == "币安人生USDT"


def test_a_file_name_of_invalid_utf_8_is_shown(tmp_path):
    """Its symbol is read, and the reported name is valid text."""
    path = os.fsencode(tmp_path) + b"/ETHUSDT-aggTrades-\xff.csv"
    with open(path, "wb") as file:
        file.write(text(5))
    recording, file = loaded(type(tmp_path)(os.fsdecode(path)))
    assert recording.symbol == "ETHUSDT"
    assert file.name == "ETHUSDT-aggTrades-\ufffd.csv"


def test_several_tables_are_refused_in_one_line(tmp_path):
    """Their names are given, so that one can be chosen."""
    path = zipped(tmp_path / "days.zip", [(f"d/ETHUSDT-aggTrades-{i}.csv", text(5)) for i in range(5)])
    with pytest.raises(DamagedFile) as error:
        probe(path)
    assert str(error.value) == (
        f"{path}, line 1: the archive holds 5 files instead of one: ETHUSDT-aggTrades-0.csv,"
        " ETHUSDT-aggTrades-1.csv, ETHUSDT-aggTrades-2.csv and 2 more"
    )


@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
@pytest.mark.parametrize("count", [300, 60_000])
@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_a_cut_zip_is_played_up_to_the_cut(tmp_path, share, count, method):
    """Its directory, which is at its end, is not needed for that."""
    path = zipped(tmp_path / "day.zip", [("f/", b""), (f"f/{NAME}", text(count))], method=method)
    data = path.read_bytes()
    path.write_bytes(data[: max(200, int(len(data) * share))])
    probe(path)
    recording, file = loaded(path)
    assert 0 < len(recording) <= count
    assert recording.rows.ids.tolist() == list(range(len(recording)))
    assert f"{path}, after line {len(recording)}: " in file.error


@pytest.mark.parametrize("pack", ["zip", "gz"])
@pytest.mark.parametrize("count", [2_000, 100_000])
def test_damage_inside_an_archive_is_played_up_to_the_damage(tmp_path, pack, count):
    """The rows before the bytes that cannot be right, also where the whole file is small."""
    if pack == "zip":
        path = zipped(tmp_path / "day.zip", [(NAME, text(count))])
    else:
        path = tmp_path / f"{NAME}.gz"
        path.write_bytes(gzip.compress(text(count)))
    data = bytearray(path.read_bytes())
    at = len(data) * 2 // 3
    data[at : at + 40] = bytes(40)
    path.write_bytes(data)
    probe(path)
    recording, file = loaded(path)
    assert len(recording) > count // 3
    good = text(count).decode().splitlines()
    assert good[: len(recording) // 2] == rows(len(recording) // 2)
    assert str(path) in file.error


def test_a_wrong_checksum_is_reported_and_the_rows_played(tmp_path):
    """All rows can be read, one of them differs from the packed one, unknown which."""
    path = zipped(tmp_path / "day.zip", [(NAME, text(50))], method=zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"7,250.1,", b"7,350.1,"))
    recording, file = loaded(path)
    assert len(recording) == 50
    assert f"{path}, after line 50: its checksum does not match" in file.error


def test_gzip_pieces_one_after_the_other_are_one_file(tmp_path):
    """As ``cat a.gz b.gz`` makes it, with padding at the end."""
    path = tmp_path / f"{NAME}.gz"
    parts = [gzip.compress(("\n".join(rows(40, first)) + "\n").encode()) for first in (0, 40)]
    path.write_bytes(b"".join(parts) + bytes(100))
    recording, file = loaded(path)
    assert (len(recording), file.error) == (80, "")


@pytest.mark.parametrize("pack", ["zip", "gz", "csv"])
@pytest.mark.parametrize("header", [b"", b"1,250.1,1,1,1,1790000000000,true\n"])
def test_a_line_that_never_ends_is_refused_in_bounded_memory(tmp_path, pack, header):
    """A file of zeros unpacks to gigabytes; a megabyte without a line end is enough to know."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1 << 20)
    path = tmp_path / f"{NAME}.{pack}"
    if pack == "gz":
        parts = [packer.compress(header), *(packer.compress(zeros) for _ in range(64)), packer.flush()]
        path.write_bytes(b"".join(parts))
    elif pack == "zip":
        zipped(path, [(NAME, header + zeros * 64)])
    else:
        path.write_bytes(header + zeros * 64)
    recording, file = loaded(path)
    if header:
        assert len(recording) == 1
        assert "after line 1: a line of more than 1048576 bytes" in file.error
        assert file.loaded_bytes == file.bytes
    else:
        assert recording is None
        with pytest.raises(DamagedFile, match="unknown recording format"):
            probe(path)


@pytest.mark.parametrize(
    "data", [b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"\x1f\x8b", b"PK\x03\x04" + b"x" * 99]
)
def test_an_archive_that_gives_nothing_is_refused(tmp_path, data):
    """In one line that names it."""
    path = tmp_path / "day.zip"
    path.write_bytes(data)
    with pytest.raises(DamagedFile, match=r"day\.zip"):
        probe(path)
