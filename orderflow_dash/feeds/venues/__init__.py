"""One file per venue, with everything specific to it."""
