"""Did you mean ...? For every name that a person types."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from lab.core.errors import UsageError
from lab.core.text import cut

SHOWN = 12  # names: more are no help in a sentence
LONGEST = 200  # a longer name was not mistyped


def closest(name: str, known: Iterable[str]) -> list[str]:
    """Up to three known names that look like `name`, best first, letter case ignored."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    if len(name) > LONGEST:
        return []
    matches = get_close_matches(name.lower(), list(by_lower), n=3, cutoff=0.6)
    return [by_lower[match] for match in matches]


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """One sentence: that `name` is unknown, and what was likely meant or what there is; both where that is little."""
    names = list(known)
    guess = did_you_mean(name, names, quote=True)
    listed = f" {_list_known(names)}" if not guess or len(names) <= SHOWN else ""
    return f"unknown {kind} '{cut(name, LONGEST)}'.{guess}{listed}"


def check_known(kind: str, name: str, known: Iterable[str]) -> None:
    """Raise UsageError, with the nearest name, unless it is one of the known."""
    names = list(dict.fromkeys(known))
    if name not in names:
        raise UsageError(unknown(kind, name, names))


def did_you_mean(name: str, known: Iterable[str], *, quote: bool = False) -> str:
    """Return ` Did you mean x?` (with its leading space), or nothing when no name is near."""
    matches = closest(name, known)
    if not matches:
        return ""
    shown = [f"'{match}'" if quote else match for match in matches]
    return f" Did you mean {' or '.join(shown)}?"


def listed(names: list[str]) -> str:
    """Return the names with commas between them, of many the first, and how many there are."""
    more = ", ..." if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more} ({len(names)} in all)"


def _list_known(names: list[str]) -> str:
    return f"Known: {listed(names)}" if names else "There are none."
