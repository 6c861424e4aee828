from dataclasses import replace
from decimal import Decimal

from orderflow_dash.market import Instrument, Ticker, Venue
from orderflow_dash.web.symbols.changes import TickerJournal


def instruments(*symbols: str) -> list[Instrument]:
    return [
        Instrument(Venue.DEMO, symbol, symbol, "USDT", Decimal("0.1"), Decimal("0.1")) for symbol in symbols
    ]


def tickers(**last: str) -> dict[tuple[Venue, str], Ticker]:
    return {(Venue.DEMO, symbol): Ticker(symbol, last=Decimal(price)) for symbol, price in last.items()}


def seen(cursor) -> list:
    """A cursor as JSON brings it back."""
    return list(cursor)


def test_a_page_gets_only_the_rows_that_changed() -> None:
    """Rows that stayed are not sent again."""
    journal = TickerJournal()
    journal.update(instruments("A", "B"), 1, tickers(A="1", B="1"))
    cursor, rows = journal.all_rows()
    assert [row["symbol"] for row in rows] == ["A", "B"]
    assert journal.changes(seen(cursor), 10) == (cursor, [])
    journal.update(instruments("A", "B"), 2, tickers(A="1", B="2"))
    cursor, rows = journal.changes(seen(cursor), 10)
    assert [(row["symbol"], row["last"]) for row in rows] == [("B", "2.0")]
    assert journal.changes(seen(cursor), 10)[1] == []


def test_a_limit_puts_off_and_loses_nothing() -> None:
    """What did not fit comes with the next tick, the oldest change first."""
    journal = TickerJournal()
    journal.update(instruments("A", "B", "C"), 1, tickers(A="1", B="1", C="1"))
    cursor, _ = journal.all_rows()
    journal.update(instruments("A", "B", "C"), 2, tickers(A="2", B="2", C="2"))
    got = []
    for _ in range(2):
        cursor, rows = journal.changes(seen(cursor), 2)
        got += [row["symbol"] for row in rows]
    assert got == ["A", "B", "C"]


def test_two_pages_do_not_take_each_other_s_changes() -> None:
    """A cursor belongs to its page."""
    journal = TickerJournal()
    journal.update(instruments("A"), 1, tickers(A="1"))
    cursor, _ = journal.all_rows()
    journal.update(instruments("A"), 2, tickers(A="2"))
    assert journal.changes(seen(cursor), 10) == journal.changes(seen(cursor), 10)
    assert len(journal.changes(seen(cursor), 10)[1]) == 1


def test_a_new_listing_sends_all_rows_again() -> None:
    """A venue that becomes reachable, or a delisting, gives the page all rows."""
    journal = TickerJournal()
    journal.update(instruments("A", "B"), 1, tickers(A="1", B="1"))
    cursor, _ = journal.all_rows()
    journal.update(instruments("A", "C"), 1, tickers(A="1", B="1", C="5"))
    _, rows = journal.changes(seen(cursor), 10)
    assert rows is None
    assert [row["symbol"] for row in journal.all_rows()[1]] == ["A", "C"]


def test_an_unknown_cursor_restarts_the_page() -> None:
    """From another process, or malformed: nothing a browser sends as a cursor breaks the journal."""
    journal = TickerJournal()
    journal.update(instruments("A"), 1, tickers(A="1"))
    other, _ = TickerJournal().all_rows()
    for cursor in (seen(other), None, [], ["x", 1], "text", {"a": 1}, [1, 2, 3], ["x", "y"]):
        assert journal.changes(cursor, 10)[1] is None


def test_a_row_changes_with_its_stream_and_its_day() -> None:
    """A row whose stream starts or ends, or that gets a line of the day, is sent once, without other rows."""
    journal = TickerJournal()
    listed, prices = instruments("A", "B"), tickers(A="1", B="1")
    journal.update(listed, 1, prices)
    cursor, rows = journal.all_rows()
    assert [(row["live"], row["day"]) for row in rows] == [(False, None)] * 2
    streamed = frozenset({(Venue.DEMO, "B")})
    journal.update(listed, 1, prices, streamed)
    cursor, rows = journal.changes(seen(cursor), 10)
    assert [(row["symbol"], row["live"]) for row in rows] == [("B", True)]
    days = {(Venue.DEMO, "A"): "0 100"}
    journal.update(listed, 1, prices, streamed, days)
    cursor, rows = journal.changes(seen(cursor), 10)
    assert [(row["symbol"], row["live"], row["day"]) for row in rows] == [("A", False, "0 100")]
    journal.update(listed, 1, prices, streamed, days)
    assert journal.changes(seen(cursor), 10)[1] == []
    journal.update(listed, 1, prices, frozenset(), days)
    assert [row["live"] for row in journal.changes(seen(cursor), 10)[1]] == [False]


def test_an_instrument_that_changes_is_sent_again() -> None:
    """Its tick has become finer, or it has left its pre-market: pages keep their place."""
    journal = TickerJournal()
    before, other = instruments("A", "B")
    journal.update([before, other], 1, tickers(A="1", B="1"))
    cursor, _ = journal.all_rows()
    after = replace(before, tick=Decimal("0.01"), is_pre_market=True)
    journal.update([after, other], 1, tickers(A="1", B="1"))
    _, rows = journal.changes(seen(cursor), 10)
    assert [(row["symbol"], row["last"], row["pre_market"]) for row in rows] == [("A", "1.00", True)]
