"""Command-line arguments that the benchmarks share."""

from __future__ import annotations

import argparse


def positive(text: str) -> int:
    """Return a whole number from 1; argparse's error for anything else."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of the table")
