"""Conditions by field: what tells series of one cell apart, and what differs between two of them, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from lab.analysis.points.key import Conditions, Fields
from lab.core.text import printable

DEVICES_DIFFER = "devices differ"  # what tells them apart is a hash, which says nothing to people
ABSENT = "absent"  # shown for a field that one series has and the other has not
SHOWN = 60  # characters of a value
MOST = 4  # names that are shown though fewer would tell the series apart
WEIGHTS = {True: "synthetic", False: "real"}


def fields_of(conditions: Conditions) -> dict[str, str]:
    """Return every condition by name, but for the counter, which is one of a metric and not of a cell."""
    layers = f"{conditions.layers} of {conditions.layers_total}"
    own = {
        "backend": conditions.effective,
        "threads": str(conditions.threads),
        "weights": WEIGHTS[conditions.synthetic],
        "layers": layers,
        "protocol": conditions.protocol,
        "emulated": str(int(conditions.emulated)),
        "device": conditions.device[:8],
    }
    more = {f"setting {name}" if name in own else name: text for name, text in conditions.facts + conditions.settings}
    return {**own, **more}


def unlike(conditions: Iterable[Conditions]) -> tuple[str, ...]:
    """Return the names of the fields in which these conditions differ."""
    every = [fields_of(one) for one in dict.fromkeys(conditions)]
    names = dict.fromkeys(name for fields in every for name in fields)
    return tuple(name for name in names if len({fields.get(name) for fields in every}) > 1)


def told_apart(conditions: Sequence[Conditions]) -> list[Fields]:
    """Return for each of the conditions (of the series of one cell) the fields that tell it from the others.

    Values are as recorded, ABSENT where a series lacks the field: `label` makes them fit for a terminal.
    """
    every = [fields_of(one) for one in conditions]
    names = unlike(conditions)
    names = names if len(names) <= MOST else _fewest(every, names)
    return [tuple((name, fields.get(name, ABSENT)) for name in names) for fields in every]


def _fewest(every: Sequence[Mapping[str, str]], names: Sequence[str]) -> tuple[str, ...]:
    """Those names, of the front ones as many as it takes, that tell apart what all of them do."""
    chosen: list[str] = []
    for name in names:
        if _groups(every, [*chosen, name]) > _groups(every, chosen):
            chosen.append(name)
    for name in list(chosen):
        others = [one for one in chosen if one != name]
        chosen = others if _groups(every, others) == _groups(every, chosen) else chosen
    return tuple(chosen)


def _groups(every: Sequence[Mapping[str, str]], names: Sequence[str]) -> int:
    return len({tuple(fields.get(name) for name in names) for fields in every})


def label(fields: Fields) -> str:
    """Return the fields as people read them: flash_attn=1 threads=4."""
    return " ".join(f"{printable(name, SHOWN)}={printable(text, SHOWN) or 'none'}" for name, text in fields)


def changes(before: Conditions, after: Conditions) -> tuple[str, ...]:
    """Return what differs, field by field: + no_host=0, - defrag_thold=-1, threads 4 -> 8."""
    return tuple(_change(*one) for one in _differing(fields_of(before), fields_of(after)))


def tells_apart(one: Mapping[str, str], other: Mapping[str, str], third: Mapping[str, str]) -> bool:
    """Whether something in which `one` and `other` agree, a field or the lack of one, is not so of the `third`."""
    names = one.keys() | other.keys() | third.keys()
    return any(one.get(name) == other.get(name) != third.get(name) for name in names)


def _differing(a: Mapping[str, str], b: Mapping[str, str]) -> Iterator[tuple[str, str | None, str | None]]:
    for name in dict.fromkeys([*a, *b]):
        if a.get(name) != b.get(name):
            yield name, a.get(name), b.get(name)


def _change(name: str, before: str | None, after: str | None) -> str:
    if before is None or after is None:
        sign, text = ("+", after) if before is None else ("-", before)
        return f"{sign} {label(((name, text or ''),))}"
    if name == "device":
        return DEVICES_DIFFER
    change = "{} {} -> {}".format(*(printable(text, SHOWN) or "unknown" for text in (name, before, after)))
    return f"{change} (affects accuracy, not speed)" if name == "weights" else change
