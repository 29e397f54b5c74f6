"""Columns of other tools that no two sessions agree in: measurements and identifiers, whatever they are called.

A setting comes again: of some sessions that are equal in everything else, several have the same value. A column that
has a long number or text of its own in nearly each of them is no condition, and its series are one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from lab.analysis.points.defaults import KNOWN, is_known
from lab.analysis.points.key import STATUS, Conditions, SeriesKey
from lab.analysis.points.table import Points

LEAST = 4  # sessions that are equal in everything else, over all groups of them
DISTINCT = 0.9  # of the sessions have a value of their own
DIGITS = {"number": 3, "whole": 6, "text": 8}  # digits or characters that nobody types again and again


def without_varying(points: Points) -> Points:
    """Return the points with such columns left out of their conditions, and the series that are now one as one."""
    names = _varying(points, sorted({name for key in points.keys for name in _unknown(key.conditions)}))
    if not names:
        return points
    places: dict[SeriesKey, int] = {}
    codes = [places.setdefault(_without(key, names), len(places)) for key in points.keys]
    return replace(points, keys=tuple(places), series=np.asarray(codes, np.int32)[points.series])


def _unknown(conditions: Conditions) -> Iterator[str]:
    if conditions.protocol in KNOWN:
        yield from (name for name, _ in conditions.settings if not is_known(conditions.protocol, name))


def _varying(points: Points, names: Sequence[str]) -> frozenset[str]:
    """Those of the names that vary so; first all that look like it are taken out, so that none hides another."""
    suspects = frozenset(name for name in names if _are_long(_values(points.keys, name)))
    if not suspects:
        return suspects
    groups: dict[SeriesKey, list[dict[str, str]]] = {}
    for code in points.series.tolist():
        key = points.keys[code]
        if key.cell.metric == STATUS:
            groups.setdefault(_without(key, suspects), []).append(dict(key.conditions.settings))
    return frozenset(name for name in suspects if _is_own(name, groups.values()))


def _is_own(name: str, groups: Iterable[Sequence[dict[str, str]]]) -> bool:
    sessions = distinct = 0
    for group in groups:
        values = [settings[name] for settings in group if name in settings]
        if len(values) > 1:
            sessions, distinct = sessions + len(values), distinct + len(set(values))
    return sessions >= LEAST and distinct >= DISTINCT * sessions


def _values(keys: Iterable[SeriesKey], name: str) -> list[str]:
    found = {text for key in keys for each, text in key.conditions.settings if each == name}
    return sorted(found)


def _are_long(values: Sequence[str]) -> bool:
    """Whether most of them are longer than what people set."""
    return sum(map(_is_long, values)) * 2 > len(values)


def _is_long(text: str) -> bool:
    plain = text.removeprefix("-")
    if plain.replace(".", "", 1).isdecimal():
        kind, length = ("number" if "." in plain else "whole"), len(plain.replace(".", "").lstrip("0"))
        return length >= DIGITS[kind]
    return len(text) >= DIGITS["text"] and any(char.isdigit() for char in text)


def _without(key: SeriesKey, names: frozenset[str]) -> SeriesKey:
    settings = tuple(pair for pair in key.conditions.settings if pair[0] not in names)
    if len(settings) == len(key.conditions.settings):
        return key
    return SeriesKey(key.cell, replace(key.conditions, settings=settings))
