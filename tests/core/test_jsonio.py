from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from lab.core.errors import StoreError
from lab.core.jsonio import canonical_bytes, digest, parse_json, read_json


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": NaN}', "NaN is not a number"),
        ('{"a": -Infinity}', "-Infinity is not a number"),
        ('{"a": 1e999}', "1e999 is too large a number"),
        ('{"a": 1, "a": 2}', "key 'a' appears twice"),
        ('{"a": "\\ud800"}', "surrogates not allowed"),
        ('{"a": 1', "line 1, column 8"),
        ("", "line 1, column 1"),
        (b'{"a": "\xff"}', "utf-8"),
        ("[" * 200_000, "nested too deeply"),
        ('{"a": ' + "9" * 5000 + "}", "digits"),
    ],
)
def test_what_is_not_strict_json_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(StoreError, match=rf"^run.json: not valid JSON: .*{message}"):
        parse_json(text, where="run.json", error=StoreError)


def test_escaped_pairs_are_one_letter() -> None:
    assert parse_json('"\\ud83d\\ude00"', where="x") == "😀"


def test_the_canonical_form_is_sorted_tight_utf8() -> None:
    document = {"b": [1, 2.5, None], "a": "ü"}
    expected = '{"a":"ü","b":[1,2.5,null]}'.encode()
    assert canonical_bytes(document) == expected
    assert digest(document) == hashlib.sha256(expected).hexdigest()


def test_whatever_can_be_parsed_can_be_digested() -> None:
    for depth in (10, 500, 900, 990, 1100, 5000):
        text = "[" * depth + "]" * depth
        try:
            document = parse_json(text, where="x", error=StoreError)
        except StoreError:
            continue
        assert digest(document) == hashlib.sha256(text.encode()).hexdigest()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"gone.json: cannot read: No such file"):
        read_json(tmp_path / "gone.json", error=StoreError)
    with pytest.raises(StoreError, match=r"not a file"):
        read_json(tmp_path, error=StoreError)
