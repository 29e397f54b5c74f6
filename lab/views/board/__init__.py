"""A dashboard as a table in a terminal."""
