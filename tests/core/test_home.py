from __future__ import annotations

from pathlib import Path

import pytest

from lab.core import home as home_module
from lab.core.errors import ConfigError
from lab.core.home import compiled_dir, definitions, find_definition, lab_home, profiles_dir, shown


def test_lab_home_is_the_variable_or_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LAB_HOME", raising=False)
    assert lab_home() == tmp_path
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "not yet"))
    assert lab_home() == tmp_path / "not yet"
    assert compiled_dir() == tmp_path / "not yet" / "compiled"
    assert profiles_dir() == tmp_path / "not yet" / "profiles"
    monkeypatch.setenv("LAB_HOME", "relative")
    assert lab_home() == tmp_path / "relative"


def test_a_file_as_home_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match="is not a folder"):
        lab_home()


def test_definitions_of_the_user_come_before_the_builtin(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = home / "site" / "lab"
    (package / "builtin" / "targets").mkdir(parents=True)
    for name in ("a", "b"):
        (package / "builtin" / "targets" / f"{name}.toml").touch()
    (home / "targets").mkdir()
    for name in ("b.toml", "c.toml", "c.txt"):
        (home / "targets" / name).touch()
    monkeypatch.setattr(home_module, "PACKAGE", package)
    assert definitions("targets") == {
        "a": package / "builtin" / "targets" / "a.toml",
        "b": home / "targets" / "b.toml",
        "c": home / "targets" / "c.toml",
    }
    assert definitions("dashboards") == {}
    assert find_definition("targets", "b") == home / "targets" / "b.toml"


def test_a_dashboard_that_is_not_there_is_called_one(home: Path) -> None:
    with pytest.raises(ConfigError, match="unknown dashboard 'phones'"):
        find_definition("dashboards", "phones")


def test_paths_are_shown_as_short_as_is_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "a" / "b") == "a/b"
    assert shown(Path("/elsewhere/b")) == "/elsewhere/b"
