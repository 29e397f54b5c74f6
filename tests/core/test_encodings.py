"""Files as people have them: what Notepad and PowerShell write is read, and what is no text says so."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from lab.core.config import read_toml
from lab.core.errors import ConfigError
from lab.core.jsonio import read_json

ENCODINGS = {
    "plain": lambda text: text.encode(),
    "mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "powershell": lambda text: codecs.BOM_UTF16_LE + text.replace("\n", "\r\n").encode("utf-16-le"),
    "big end first": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_text_is_read_whatever_windows_made_of_it(tmp_path: Path, encoding: str) -> None:
    encoded = ENCODINGS[encoding]
    (tmp_path / "a.toml").write_bytes(encoded('name = "Gerät ☎"\nsize = 1\n'))
    assert read_toml(tmp_path / "a.toml") == {"name": "Gerät ☎", "size": 1}
    (tmp_path / "a.json").write_bytes(encoded('{"name": "Gerät ☎"}\n'))
    assert read_json(tmp_path / "a.json") == {"name": "Gerät ☎"}


@pytest.mark.parametrize("content", [b'name = "\xe4"', codecs.BOM_UTF16_LE + b"n\0a"])
def test_what_is_no_text_says_where_and_what_to_do(tmp_path: Path, content: bytes) -> None:
    for name, read in (("a.toml", read_toml), ("a.json", read_json)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(
            ConfigError, match=rf"{name}: not valid .*: not text in UTF-(8|16): .* at byte \d+"
        ) as caught:
            read(tmp_path / name)
        assert caught.value.hint == "save the file as UTF-8"
