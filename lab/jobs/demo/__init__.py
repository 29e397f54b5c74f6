"""A store of made-up runs, to look at lab without measuring."""
