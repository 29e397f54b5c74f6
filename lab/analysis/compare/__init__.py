"""Runs against runs: which are meant, along which axis, side by side, and what a gate makes of it."""
