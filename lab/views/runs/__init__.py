"""Recorded runs for people: one run, several engines, several targets, a list, a page with all that is recorded."""
