"""Documents that nobody vouches for: bounded in depth, in numbers and in shape where they are read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab import store
from lab.core import lock
from lab.core.config import parse_toml
from lab.core.errors import BusyError, ConfigError, LabError, StoreError
from lab.core.jsonio import MAX_DEPTH, MAX_DIGITS, parse_json
from lab.core.lock import device_lock, lock_file
from lab.formats.bundle import parse_manifest
from lab.formats.digested import digested_bytes
from lab.formats.run_record import RunRecord, from_json, to_json
from lab.formats.target import read_target
from tests.formats.samples import BUNDLE, LIBRARY, RUN, WEIGHTS_FOLDER

CASES = Path("tests/cases/security")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("run-nested-400.json", "nested too deeply: 403 deep, and at most 64 is read"),
        ("run-integer-of-400-digits.json", "a whole number of 401 digits"),
        ("run-month-13.json", "created_at: '2026-13-45T99:99:99Z' is no date and time that there is"),
        ("run-cpu-model-is-a-list.json", r"\[device\].facts.cpu_model: expected a string, got a list"),
        ("run-profile-of-numbers.json", r"cells\[0\].profile.prefill\[0\]: expected a table, got 1"),
    ],
)
def test_a_record_that_cannot_be_right_says_where(name: str, problem: str) -> None:
    with pytest.raises(StoreError, match=rf"^tests/cases/security/{name}: .*{problem}"):
        store.load(CASES / name)


@pytest.mark.parametrize("depth", [1, MAX_DEPTH, MAX_DEPTH + 1, 400, 990, 1100, 100_000])
@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
def test_json_is_read_to_a_depth(depth: int, opened: str, closed: str) -> None:
    text = opened * depth + "1" + closed * depth
    if depth <= MAX_DEPTH:
        assert parse_json(text, where="x") == json.loads(text)
        return
    with pytest.raises(ConfigError, match=rf"^x: .*nested too deeply: {depth} deep, and at most {MAX_DEPTH} is read$"):
        parse_json(text, where="x")


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "[" * 100 + "]" * 100,
        "x = " + "{a=" * 100 + "1" + "}" * 100,
        ".".join("a" * 100) + " = 1",
        "[" + ".".join("a" * 20_000) + "]\nb = 1",
        "[" + '."a" . ' * 0 + ".".join(["'a.b'"] * 100) + "]",
        "x = {" + ".".join("a" * 100) + " = 1}",
    ],
)
def test_toml_is_read_to_a_depth(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^x.toml: not valid TOML: nested too deeply: \d+ deep"):
        parse_toml(text.encode(), where="x.toml")


@pytest.mark.parametrize(
    "text",
    [
        "x" * 200_000,
        'a = """' + '\\"""' * 100_000,
        "a" + ".a" * 60 + "x" * 200_000,
        "'" * 200_001,
        'a = "' + "\\" * 200_001,
    ],
)
def test_a_text_of_any_length_is_looked_at_once(text: str) -> None:
    """Hangs where the time goes with the square of the length."""
    with suppress(ConfigError):
        parse_toml(text.encode(), where="x.toml")


def test_what_only_looks_deep_is_read() -> None:
    text = f'# {"[" * 100}\nx = "{"[" * 100} {".".join("ab" * 100)}"\ny = """\n{"{" * 100}"""\nz = 1.5\n'
    assert parse_toml(text.encode(), where="x.toml")["z"] == 1.5
    assert parse_json(json.dumps(["[" * 100, '"{' * 100]), where="x")


def test_whole_numbers_are_measured_before_they_are_read() -> None:
    assert parse_json("9" * MAX_DIGITS, where="x") == int("9" * MAX_DIGITS)
    for digits in (MAX_DIGITS + 1, 400, 5000, 1_000_000):
        with pytest.raises(ConfigError, match=f"a whole number of {digits} digits"):
            parse_json("-" + "9" * digits, where="x")


def test_a_port_of_5000_digits_is_refused(tmp_path: Path) -> None:
    from lab.devices.adb.address import address_of

    path = tmp_path / "far.toml"
    path.write_bytes((CASES / "target-port-of-5000-digits.toml").read_bytes())
    with pytest.raises(ConfigError) as caught:
        address_of(read_target(path))
    assert "[adb].address" in caught.value.what
    assert len(caught.value.what) < 400


@pytest.mark.parametrize(
    "content",
    [
        (CASES / "lock-holder-nested.json").read_bytes(),
        b"[" * 8000,
        b'{"pid": ' + b"9" * 5000 + b"}",
        b'{"pid": {"a": "\\u001b[2J"}, "command": "\\u009b2J"}',
        b"\xff\xfe",
    ],
)
def test_a_lock_of_any_content_is_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setenv("LAB_LOCKS", str(tmp_path / "locks"))
    monkeypatch.setattr(lock, "NAME_S", 0.3)
    with device_lock("phone", "mine"):
        path = lock_file("phone")
        os.truncate(path, 0)
        with path.open("r+b") as file:
            file.write(content)
        with pytest.raises(BusyError, match=r"^device phone is in use by ") as caught, device_lock("phone", "other"):
            pytest.fail("locked twice")
    assert caught.value.what.isprintable()
    assert len(caught.value.what) < 4000


@pytest.mark.parametrize("when", ["2026-13-45T99:99:99Z", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_a_time_is_one_that_there_is(when: str) -> None:
    with pytest.raises(StoreError, match="created_at"):
        from_json({**RUN, "created_at": when})


@pytest.mark.parametrize("number", [1e300, 1e-300, 5e-324])
def test_measured_numbers_can_be_computed_with(number: float) -> None:
    document = json.loads(json.dumps(RUN))
    document["cells"][0]["repetitions"][0]["decode_tok_per_s"] = number
    with pytest.raises(StoreError, match="is no number that can be computed with"):
        from_json(document)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _places(item, (*path, key))


def _changed(sound: Any, path: tuple[Any, ...], odd: Any) -> Any:
    document = json.loads(json.dumps(sound))
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = odd
    return document


PLACES = list(_places(RUN))[1:]
ODD = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        2**63,
        2**70,
        1e308,
        5e-324,
        "",
        "\x1b[2J",
        "x" * 300,
        [],
        [[]],
        {},
        {"a": {}},
        [None],
        [1, "a"],
    ]
)


@pytest.mark.parametrize("kind", ["bundle", "weights", "library"])
def test_a_manifest_with_one_wrong_value_is_read_whole_or_refused(kind: Any) -> None:
    sound: dict[str, Any] = {"bundle": BUNDLE, "weights": WEIGHTS_FOLDER, "library": LIBRARY}[kind]

    @settings(max_examples=100, deadline=None)
    @given(path=st.sampled_from(list(_places(sound))[1:]), odd=ODD)
    def check(path: tuple[Any, ...], odd: Any) -> None:
        with suppress(LabError):
            parse_manifest(_changed(sound, path, odd), kind, where="x")

    check()


@settings(max_examples=300, deadline=None)
@given(path=st.sampled_from(PLACES), odd=ODD)
def test_a_record_with_one_wrong_value_is_read_whole_or_refused(path: tuple[Any, ...], odd: Any) -> None:
    document = _changed(RUN, path, odd)
    with suppress(LabError):
        record = from_json(parse_json(digested_bytes(document), where="x", error=StoreError) and document)
        assert isinstance(record, RunRecord)
        assert from_json(to_json(record)) == record
