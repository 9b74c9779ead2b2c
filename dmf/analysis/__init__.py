"""Numbers in, numbers out: what recorded runs say. No torch."""
