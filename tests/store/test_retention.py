"""Old minutes go; CVD stays."""

from __future__ import annotations

from orderflow_dash.market import HOUR_MS, MINUTE_MS
from orderflow_dash.store.retention import Retention, retire
from orderflow_dash.store.store import Batch, Store
from tests.store.market import BTC, ETH, START, minutes

DAY = 1 / 24
NOW = START + 10 * HOUR_MS


def test_age_drops_whole_hours_and_keeps_cvd(store: Store) -> None:
    """What remains has the CVD that it had, from the same beginning."""
    saved = minutes(0, 600)
    store.save([Batch(BTC, saved)])
    assert retire(store, Retention(days=2.5 * DAY), NOW) == 420
    loaded = store.load(BTC)
    assert loaded == saved[420:]
    assert [each.cvd for each in loaded] == [each.cvd for each in saved[420:]]
    assert [hour.cvd for hour in store.load_hours(BTC)] == [each.cvd for each in saved[479::60]]
    assert store.load(BTC)[-1].cvd == saved[-1].cvd
    assert store.resume(BTC).cvd_from == START
    assert retire(store, Retention(days=2.5 * DAY), NOW) == 0


def test_cvd_goes_on_after_retention_and_a_repair(store: Store) -> None:
    """New minutes and corrected ones count on; a corrected one that was dropped does not count twice."""
    saved = minutes(0, 300)
    store.save([Batch(BTC, saved[:240])])
    retire(store, Retention(days=0), START + 2 * HOUR_MS)
    assert store.save([Batch(BTC, [saved[5]])]) == 0
    store.save([Batch(BTC, [saved[130], *saved[240:]], START)])
    loaded = store.load(BTC)
    assert [each.cvd for each in loaded] == [each.cvd for each in saved[120:]]


def test_cvd_from_inside_the_stored_time_ignores_dropped_minutes(store: Store) -> None:
    """Minutes from before ``cvd_from`` are dropped without a trace in CVD."""
    saved = minutes(0, 300)
    store.save([Batch(BTC, saved, START + 200 * MINUTE_MS)])
    before = {each.open_ts: each.cvd for each in store.load(BTC)}
    retire(store, Retention(days=0), START + 2 * HOUR_MS)
    loaded = store.load(BTC)
    assert loaded == saved[120:]
    assert all(each.cvd == before[each.open_ts] for each in loaded)
    retire(store, Retention(days=0), NOW)
    assert all(each.cvd == before[each.open_ts] for each in store.load(BTC))


def test_the_newest_hour_of_a_series_stays(store: Store) -> None:
    """However old it is, a series can be resumed."""
    store.save([Batch(BTC, minutes(0, 90)), Batch(ETH, minutes(0, 500))])
    retire(store, Retention(days=1), NOW + 1_000 * HOUR_MS)
    assert store.load(BTC) == minutes(0, 90)[60:]
    assert store.load(BTC)[-1].cvd == minutes(0, 90)[-1].cvd


def test_size_drops_the_oldest_of_all(store: Store) -> None:
    """The bound holds, the newest minutes stay, and a file gives the room back to the disk."""
    saved = minutes(0, 1_800)
    store.save([Batch(BTC, saved), Batch(ETH, saved[600:])])
    with store.database.reading() as connection:
        used = store.database.used_bytes(connection)
    assert retire(store, Retention(megabytes=used * 0.6 / 1e6), NOW) > 0
    with store.database.reading() as connection:
        assert store.database.used_bytes(connection) <= used * 0.6
    for instrument in (BTC, ETH):
        loaded = store.load(instrument)
        assert 120 < len(loaded) < 1_200
        assert loaded == saved[-len(loaded) :]
    assert store.load(BTC)[-1].cvd == saved[-1].cvd
    assert abs(len(store.load(BTC)) - len(store.load(ETH))) < 60


def test_nothing_goes_without_a_bound(store: Store) -> None:
    """No bound, no loss."""
    store.save([Batch(BTC, minutes(0, 130))])
    assert retire(store, Retention(), NOW + 10_000 * HOUR_MS) == 0
    assert len(store.load(BTC)) == 130
