"""Changes of a contract's tick and lot while its market runs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import gcd

from orderflow_dash.market import DecimalUnit
from orderflow_dash.simulator.market.source import Listing
from orderflow_dash.simulator.market.tape import Print, Tape


def common_unit(one: Decimal, other: Decimal) -> Decimal:
    """The largest unit of which both are whole multiples."""
    a, b = Fraction(one), Fraction(other)
    shared = Fraction(
        gcd(a.numerator * b.denominator, b.numerator * a.denominator), a.denominator * b.denominator
    )
    return Decimal(shared.numerator) / Decimal(shared.denominator)


@dataclass(slots=True)
class ContractTerms:
    """Converts a flow's own ticks and lots to the listed ones."""

    listing: Listing
    price_factor: int = 1  # the listing's units of price in a tick of the flow
    quantity_factor: int = 1

    def change(self, tape: Tape, tick: Decimal | None, lot: Decimal | None) -> tuple[int, int]:
        """Lists another tick or lot, and converts the tape if they need finer units.

        Returns the factors by which the units of price and quantity became finer.
        """
        listing = self.listing
        price = listing.price.value if tick is None else common_unit(listing.price.value, tick)
        quantity = listing.quantity.value if lot is None else common_unit(listing.quantity.value, lot)
        finer = int(listing.price.value / price), int(listing.quantity.value / quantity)
        tick, lot = listing.tick if tick is None else tick, listing.lot if lot is None else lot
        if finer[0] > 1:
            listing.price = DecimalUnit(price)
        if finer[1] > 1:
            listing.quantity = DecimalUnit(quantity)
        listing.tick_units, listing.lot_units = int(tick / price), int(lot / quantity)
        tape.rescale(*finer)
        self.price_factor *= finer[0]
        self.quantity_factor *= finer[1]
        return finer

    def fit(self, trade: Print) -> Print:
        """A print of the flow on the listed tick and lot; its new digits depend on its id."""
        listing = self.listing
        if self.price_factor == listing.tick_units == self.quantity_factor == listing.lot_units == 1:
            return trade
        tick, lot = listing.tick_units, listing.lot_units
        ticks = max(1, (trade.price * self.price_factor + trade.id * 7_919 % self.price_factor) // tick)
        matches = trade.last - trade.first + 1
        sign = -1 if trade.quantity < 0 else 1
        wanted = abs(trade.quantity) * self.quantity_factor + trade.id * 104_729 % self.quantity_factor
        lots = max(matches, wanted // lot)  # at least a lot per match
        if trade.without_rpi == abs(trade.quantity):
            without_rpi = lots
        elif trade.without_rpi and lots > 1:
            rpi = (abs(trade.quantity) - trade.without_rpi) * self.quantity_factor // lot
            without_rpi = lots - min(max(1, rpi), lots - matches + 1)
        else:
            without_rpi = 0
        return trade._replace(price=ticks * tick, quantity=sign * lots * lot, without_rpi=without_rpi * lot)
