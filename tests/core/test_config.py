from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.core.config import check_schema, load_toml
from lab.core.errors import BundleError, ConfigError


@dataclass(frozen=True)
class Simple:
    schema: int
    name: str


def written(folder: Path, content: bytes) -> Path:
    path = folder / "x.toml"
    path.write_bytes(content)
    return path


def test_a_sound_file_is_read(tmp_path: Path) -> None:
    assert load_toml(written(tmp_path, b'schema = 1\nname = "a"\n'), Simple, schema=1) == Simple(1, "a")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"schema = 1\nname = \n", r"x.toml: not valid TOML: .*line 2, column 8"),
        (b"schema = 1\nschema = 1\n", r"not valid TOML: .*line 2"),
        (b"schema = 1\nname = '\xff'\n", r"x.toml: not valid TOML: not text in UTF-8"),
        (b"x = " + b"[" * 5000, r"not valid TOML"),
        (b"schema = 1", r"x.toml: name: missing key"),
        (b"name = 'a'", r"x.toml: schema: expected a version number, got None"),
        (b"schema = true", r"schema: expected a version number, got True"),
        (b"schema = 0", r"schema: expected a version number, got 0"),
    ],
)
def test_a_broken_file_is_an_error_that_names_it(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_toml(written(tmp_path, content), Simple, schema=1)


def test_a_newer_file_says_upgrade_before_it_complains_of_keys(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"x.toml: schema 2 is newer than this lab reads \(1\)") as caught:
        load_toml(written(tmp_path, b"schema = 2\nbrand_new = 1\n"), Simple, schema=1)
    assert "upgrade lab" in str(caught.value.hint)


def test_a_missing_file_and_a_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone.toml: cannot read: No such file"):
        load_toml(tmp_path / "gone.toml", Simple)
    with pytest.raises(ConfigError, match=r"not a file"):
        load_toml(tmp_path, Simple)


def test_check_schema_raises_the_callers_error() -> None:
    with pytest.raises(BundleError):
        check_schema([], 1, where="x", error=BundleError)
    check_schema({"schema": 1}, 2, where="x")
