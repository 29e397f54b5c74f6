"""From plain data (TOML, JSON) to frozen dataclasses, strictly."""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Callable
from functools import cache, partial
from typing import Annotated, Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from lab.core.errors import ConfigError, LabError
from lab.core.fields import KeyPath, Shaped, Unset, keeps_unknown, known_fields, show_key
from lab.core.suggest import did_you_mean

T = TypeVar("T")

INTEGER_BITS = 64
LARGEST, SMALLEST = 1e100, 1e-100  # of a number that is computed with: its square and its inverse are numbers too
_TYPE_NAMES = {int: "an integer", float: "a number", str: "a string", bool: "true or false"}


def decode(cls: type[T], data: object, *, where: str, error: type[LabError] = ConfigError) -> T:
    """Build `cls` from plain data; anything that does not fit raises `error` naming `where` and the key."""
    result: T = _Decoder(where, error).record(cls, data, ())
    return result


def decode_problems(cls: type[Any], data: object, *, where: str, error: type[LabError] = ConfigError) -> list[LabError]:
    """Return all that `decode` would raise if each were the first, in the order of the class; [] where all fits."""
    collector = _Collector(where, error)
    collector.caught(lambda: collector.record(cls, data, ()))
    return collector.problems


def check_numbers(data: object, *, where: str, error: type[LabError] = ConfigError) -> None:
    """Raise `error` for a number anywhere in plain data that no record may hold."""
    _Decoder(where, error).plain(data, ())


# How a generic annotation is decoded: its origin -> the method that takes its arguments.
_HANDLERS: dict[Any, str] = {
    Annotated: "limited",
    Literal: "choice",
    Union: "union",
    types.UnionType: "union",
    list: "items",
    tuple: "sequence",
    dict: "mapping",
}


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


@cache
def _fields(cls: type) -> dict[str, dataclasses.Field[Any]]:
    return {item.name: item for item in known_fields(cls)}


@cache
def _required(cls: type) -> frozenset[str]:
    missing = dataclasses.MISSING
    return frozenset(
        name for name, one in _fields(cls).items() if one.default is missing and one.default_factory is missing
    )


# How kinds are decoded, by identity: typing's own hashing is slow. Each is held here, so that its id stays its own.
_WAYS: dict[int, tuple[Any, str, tuple[Any, ...]]] = {}


def _way(kind: Any) -> tuple[Any, str, tuple[Any, ...]]:
    """Return the kind, the method that decodes it, and what that takes."""
    way: tuple[str, tuple[Any, ...]]
    if kind in _TYPE_NAMES:
        way = ("scalar", (kind,))
    elif kind is Any:
        way = ("plain", ())
    elif dataclasses.is_dataclass(kind):
        way = ("record", (kind,))
    else:
        way = (_HANDLERS[get_origin(kind)], (get_args(kind),))
    return _WAYS.setdefault(id(kind), (kind, *way))


class _Decoder:
    """One document: where it came from and how its errors are raised."""

    def __init__(self, where: str, error: type[LabError]) -> None:
        self.where = where
        self.error = error

    def fail(self, path: KeyPath, problem: str, hint: str | None = None) -> NoReturn:
        raise self.error(f"{self.where}: {show_key(path)}: {problem}", hint=hint)

    def record(self, cls: Any, data: object, path: KeyPath) -> Any:
        table = self.table(data, path)
        fields, hints = _fields(cls), _hints(cls)
        # Unknown keys first: a misspelt key is better told as such than as the missing one it stands for.
        extra = self._unknown(cls, {key: item for key, item in table.items() if key not in fields}, path)
        values, required = {}, _required(cls)
        for name in fields:
            if name in table:
                values[name] = self.value(hints[name], table[name], (*path, name))
            elif name in required:
                self.fail((*path, name), "missing key", f"add {name} to {self.where}")
        return cls(**values, **extra)

    def table(self, data: object, path: KeyPath) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail(path, f"expected a table, got {show(data)}")
        for key in data:
            if not isinstance(key, str):
                self.fail(path, f"expected text keys, got {show(key)}")
        return data

    def _unknown(self, cls: Any, unknown: dict[str, Any], path: KeyPath) -> dict[str, Any]:
        if keeps_unknown(cls):
            for key, item in unknown.items():
                self.plain(item, (*path, key))
            return {"extra": unknown}
        known = list(_fields(cls))
        for key in unknown:
            guess = did_you_mean(key, known)
            self.fail((*path, key), f"unknown key.{guess}", f"known keys here: {', '.join(known)}")
        return {}

    def value(self, kind: Any, raw: object, path: KeyPath) -> Any:
        _, name, args = _WAYS.get(id(kind)) or _way(kind)
        return getattr(self, name)(*args, raw, path)

    def scalar(self, kind: Any, raw: object, path: KeyPath) -> Any:
        # Most of a record are numbers that nothing is wrong with.
        if type(raw) is float is kind and SMALLEST < raw < LARGEST:
            return raw
        if kind is float and type(raw) is int and abs(raw) < 2**1000:
            raw = float(raw)
        if type(raw) is not kind:
            self.fail(path, f"expected {_TYPE_NAMES[kind]}, got {show(raw)}")
        self.finite(raw, path)
        if isinstance(raw, float) and raw and not SMALLEST < abs(raw) < LARGEST:
            self.fail(path, f"{raw} is no number that can be computed with")
        return raw

    def plain(self, raw: Any, path: KeyPath) -> Any:
        """Return data of any shape, after a look at each number in it; its depth was checked where it was read."""
        if raw is None or type(raw) is str:
            return raw
        if isinstance(raw, dict):
            for key, item in self.table(raw, path).items():
                self.plain(item, (*path, key))
        elif isinstance(raw, (list, tuple)):
            for place, item in enumerate(raw):
                self.plain(item, (*path, place))
        return self.finite(raw, path)

    def finite(self, raw: Any, path: KeyPath) -> Any:
        if isinstance(raw, float) and not math.isfinite(raw):
            self.fail(path, f"expected a finite number, got {raw}")
        if isinstance(raw, int) and raw.bit_length() > INTEGER_BITS:
            self.fail(path, f"an integer of more than {INTEGER_BITS} bits")
        return raw

    def limited(self, parts: tuple[Any, ...], raw: object, path: KeyPath) -> Any:
        value = self.value(parts[0], raw, path)
        if isinstance(parts[1], Shaped):
            self.value(parts[1].kind, raw, path)
            return value
        problem = parts[1].problem(value)
        if problem is not None:
            self.fail(path, problem)
        return value

    def choice(self, options: tuple[Any, ...], raw: object, path: KeyPath) -> Any:
        # `in` alone would take True for 1.
        if any(type(raw) is type(option) and raw == option for option in options):
            return raw
        listed = ", ".join(str(option) for option in options)
        guess = did_you_mean(raw, [str(option) for option in options]) if isinstance(raw, str) else ""
        self.fail(path, f"{show(raw)} is not one of {listed}.{guess}")

    def union(self, kinds: tuple[Any, ...], raw: object, path: KeyPath) -> Any:
        rest = [kind for kind in kinds if kind is not type(None) and kind is not Unset]
        if raw is None and type(None) in kinds:
            return None
        exact = [kind for kind in rest if kind is type(raw)]
        return self.value((exact or rest)[0], raw, path)

    def sequence(self, kinds: tuple[Any, ...], raw: object, path: KeyPath) -> Any:
        if not isinstance(raw, (list, tuple)):
            self.fail(path, f"expected a list, got {show(raw)}")
        if len(kinds) == 2 and kinds[1] is Ellipsis and _all_sound(kinds[0], raw):
            return tuple(raw)
        if len(kinds) == 2 and kinds[1] is Ellipsis:
            kinds = (kinds[0],) * len(raw)
        if len(raw) != len(kinds):
            self.fail(path, f"expected {len(kinds)} values, got {len(raw)}")
        pairs = enumerate(zip(kinds, raw, strict=True))
        return tuple(self.value(kind, item, (*path, i)) for i, (kind, item) in pairs)

    def items(self, kinds: tuple[Any, ...], raw: object, path: KeyPath) -> Any:
        return list(self.sequence((kinds[0], ...), raw, path))

    def mapping(self, kinds: tuple[Any, ...], raw: object, path: KeyPath) -> Any:
        table = self.table(raw, path)
        return {key: self.value(kinds[1], item, (*path, key)) for key, item in table.items()}


class _Collector(_Decoder):
    """A decoder that goes on after a mistake; what it returns is of no use."""

    def __init__(self, where: str, error: type[LabError]) -> None:
        super().__init__(where, error)
        self.problems: list[LabError] = []

    def caught(self, step: Callable[[], object]) -> None:
        try:
            step()
        except LabError as problem:
            self.problems.append(problem)

    def record(self, cls: Any, data: object, path: KeyPath) -> Any:
        table = self.table(data, path)
        fields, hints = _fields(cls), _hints(cls)
        for key in (one for one in table if one not in fields):
            self.caught(partial(self._unknown, cls, {key: table[key]}, path))
        for name in fields:
            if name in table:
                self.caught(partial(self.value, hints[name], table[name], (*path, name)))
            elif name in _required(cls):
                self.caught(partial(self.fail, (*path, name), "missing key", f"add {name} to {self.where}"))


def _all_sound(kind: Any, raw: list[Any] | tuple[Any, ...]) -> bool:
    """Whether these are numbers of that kind that nothing is wrong with: most of a record, looked at as a whole."""
    base, *limits = get_args(kind) or (kind,)
    if base not in (int, float) or not raw or set(map(type, raw)) != {base}:
        return False
    least, most = min(raw), max(raw)
    if base is float and not (least > SMALLEST and most < LARGEST and math.isfinite(math.fsum(raw))):  # a NaN hides
        return False
    if base is int and max(abs(least), abs(most)).bit_length() > INTEGER_BITS:
        return False
    return all(limit.problem(end) is None for limit in limits for end in (least, most))


def show(value: object) -> str:
    """Return the value as an error message quotes it: on one line, cut, and never a list or table."""
    if value is None:
        return "null"
    if isinstance(value, (dict, list, tuple)):
        return "a table" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and value.bit_length() > INTEGER_BITS:
        return "a huge integer"  # Python refuses to spell one of more than 4300 digits
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
