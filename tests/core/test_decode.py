from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import pytest

from lab.core.config import KeepsUnknown, Limits, decode, encode
from lab.core.errors import ConfigError, StoreError


@dataclass(frozen=True)
class Part:
    speed: Annotated[float, Limits(min=0, max=10, unit="m/s")]
    name: Annotated[str, Limits(pattern=r"[a-z]+")] = "part"


@dataclass(frozen=True)
class Thing:
    count: Annotated[int, Limits(min=1)]
    on: bool
    kind: Literal["fast", "slow"]
    part: Part
    parts: tuple[Part, ...] = ()
    pair: tuple[str, int] = ("", 0)
    words: list[str] = field(default_factory=list)
    table: dict[str, float] = field(default_factory=dict)
    maybe: int | None = None
    ratio: Annotated[float, Limits(above=0)] | None = None
    anything: Any = None


@dataclass(frozen=True)
class Kept(KeepsUnknown):
    count: int
    note: str = ""


SOUND: dict[str, Any] = {"count": 2, "on": True, "kind": "fast", "part": {"speed": 3}}


def test_every_kind_of_value_is_decoded() -> None:
    more = {
        "parts": [{"speed": 1.5, "name": "x"}],
        "pair": ["a", 4],
        "words": ["u", "v"],
        "table": {"a": 1},
        "maybe": 7,
        "ratio": 0.5,
        "anything": {"free": [1, None]},
    }
    thing = decode(Thing, {**SOUND, **more}, where="x.toml")
    assert thing == Thing(
        2, True, "fast", Part(3.0), (Part(1.5, "x"),), ("a", 4), ["u", "v"], {"a": 1.0}, 7, 0.5, more["anything"]
    )
    assert type(thing.part.speed) is float
    assert encode(thing) == {**SOUND, "part": {"speed": 3.0, "name": "part"}, **more}


def test_defaults_stand_in_for_missing_keys() -> None:
    thing = decode(Thing, {**SOUND, "maybe": None}, where="x.toml")
    assert (thing.parts, thing.words, thing.maybe, thing.ratio) == ((), [], None, None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 0}, r"x.toml: count: 0 is too small, at least 1 is needed"),
        ({"count": 1.0}, r"count: expected an integer, got 1.0"),
        ({"count": True}, r"count: expected an integer, got True"),
        ({"count": "2"}, r"count: expected an integer, got '2'"),
        ({"count": None}, r"count: expected an integer, got null"),
        ({"count": 2**70}, r"count: an integer of more than 64 bits"),
        ({"count": 10**5000}, r"count: an integer of more than 64 bits"),
        ({"on": 1}, r"on: expected true or false, got 1"),
        ({"kind": "fsat"}, r"kind: 'fsat' is not one of fast, slow. Did you mean fast\?"),
        ({"kind": 3}, r"kind: 3 is not one of fast, slow"),
        ({"part": 3}, r"part: expected a table, got 3"),
        ({"part": {"speed": 11}}, r"\[part\].speed: 11.0 is too large, at most 10 m/s"),
        ({"part": {"speed": float("nan")}}, r"\[part\].speed: expected a finite number, got nan"),
        ({"part": {"speed": float("inf")}}, r"\[part\].speed: expected a finite number"),
        ({"part": {"speed": 10**400}}, r"\[part\].speed: expected a number, got a huge integer"),
        ({"part": {"speed": 1, "name": "a-b"}}, r"\[part\].name: 'a-b' does not have the form"),
        ({"part": {"speed": 1, "name": "ab\n"}}, r"\[part\].name: 'ab\\n' does not have the form"),
        ({"part": {}}, r"\[part\].speed: missing key"),
        ({"part": {"speed": 1, "naem": "x"}}, r"x.toml: \[part\].naem: unknown key. Did you mean name\?"),
        ({"parts": {"speed": 1}}, r"parts: expected a list, got a table"),
        ({"parts": [{"speed": 1}, {"sped": 1}]}, r"parts\[1\].sped: unknown key. Did you mean speed\?"),
        ({"pair": ["a"]}, r"pair: expected 2 values, got 1"),
        ({"pair": ["a", "b"]}, r"pair\[1\]: expected an integer"),
        ({"words": ["a", 1]}, r"words\[1\]: expected a string"),
        ({"table": {"a": "b"}}, r"\[table\].a: expected a number"),
        ({"table": {1: 2.0}}, r"table: expected text keys, got 1"),
        ({"ratio": 0}, r"ratio: 0.0 is too small, more than 0 is needed"),
        ({"\x1b[31m": 1}, r"x.toml: '\\x1b\[31m': unknown key"),
        ({"k" * 5000: 1}, r"x.toml: '" + "k" * 60 + "': unknown key"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        decode(Thing, {**SOUND, **change}, where="x.toml")


def test_an_unknown_key_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        decode(Part, {"speed": 1, "zzz": 1}, where="x.toml")
    assert caught.value.hint == "known keys here: speed, name"


@pytest.mark.parametrize("document", [None, 3, "text", [1]])
def test_a_document_that_is_no_table_is_an_error(document: object) -> None:
    with pytest.raises(ConfigError, match=r"x.toml: document: expected a table"):
        decode(Thing, document, where="x.toml")


def test_the_error_class_is_the_callers() -> None:
    with pytest.raises(StoreError):
        decode(Thing, {}, where="x", error=StoreError)


def test_unknown_keys_survive_a_rewrite() -> None:
    document = {"count": 1, "note": "n", "from_the_future": {"a": [1, 2]}, "extra": "also a key"}
    kept = decode(Kept, document, where="x.json")
    assert kept.extra == {"from_the_future": {"a": [1, 2]}, "extra": "also a key"}
    assert encode(replace(kept, count=5)) == {**document, "count": 5}


def test_an_extra_key_never_hides_a_known_one() -> None:
    assert encode(Kept(1, "n", extra={"count": 99})) == {"count": 1, "note": "n"}
