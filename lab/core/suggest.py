"""Did you mean ...? For every name that a person types."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from lab.core.text import cut

SHOWN = 20
LONGEST = 200  # a longer name was not mistyped


def closest(name: str, known: Iterable[str]) -> list[str]:
    """Up to three known names that look like `name`, best first, letter case ignored."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    if len(name) > LONGEST:
        return []
    matches = get_close_matches(name.lower(), list(by_lower), n=3, cutoff=0.6)
    return [by_lower[match] for match in matches]


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """One sentence that says `name` is unknown, what was likely meant, and what there is."""
    names = list(known)
    return f"unknown {kind} '{cut(name, LONGEST)}'.{did_you_mean(name, names, quote=True)} {_list_known(names)}"


def did_you_mean(name: str, known: Iterable[str], *, quote: bool = False) -> str:
    """Return ` Did you mean x?` (with its leading space), or nothing when no name is near."""
    matches = closest(name, known)
    if not matches:
        return ""
    shown = [f"'{match}'" if quote else match for match in matches]
    return f" Did you mean {' or '.join(shown)}?"


def _list_known(names: list[str]) -> str:
    if not names:
        return "There are none."
    more = ", ..." if len(names) > SHOWN else ""
    return f"Known: {', '.join(names[:SHOWN])}{more} ({len(names)} in all)"
