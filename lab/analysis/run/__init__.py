"""One recorded run in numbers: rates, roofs, work, flags, and the table of all of it."""
