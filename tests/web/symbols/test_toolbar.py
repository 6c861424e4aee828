from orderflow_dash.market import Venue
from orderflow_dash.web.symbols.table import symbol_table
from orderflow_dash.web.symbols.toolbar import table_bar


def test_every_venue_served_has_a_chip() -> None:
    """All comes first, then the venues in their order; a venue that is not served has none."""
    bar = str(table_bar([Venue.BYBIT, Venue.DEMO], [("last", "Last")]).to_plotly_json())
    assert bar.index("'All'") < bar.index("'Bybit'") < bar.index("'Demo'")
    assert "Binance" not in bar


def test_a_column_of_days_requires_a_venue_that_serves_days() -> None:
    """A replay has no such column, and no choice of it."""
    for has_days in (True, False):
        bar, table = symbol_table([], [Venue.DEMO], has_days=has_days)
        fields = [column.get("field") for column in table.children[0].columnDefs]
        assert ("day" in fields) is has_days
        assert ("'day'" in str(bar.children[-1].to_plotly_json())) is has_days
