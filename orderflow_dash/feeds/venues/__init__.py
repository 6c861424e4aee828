"""One file per venue: everything in which the venues differ."""
