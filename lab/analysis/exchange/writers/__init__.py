"""Recorded runs in the forms of other programs."""
