"""Images are built whole or not at all, by one at a time, and again when their recipe changes."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab.cli.main import main
from lab.core.errors import LabError
from lab.core.progress import NullProgress
from lab.devices.qemu import build as building
from lab.devices.qemu.build import build, folder_of, recipe_key
from lab.devices.qemu.image import find_image, images_dir
from lab.devices.qemu.recipes import NAMES, phone


class Bench:
    """Stands in for Debian: a recipe that needs nothing."""

    def __init__(self, stack: object, progress: object) -> None:
        pass

    def source(self) -> tuple[None, Path, None, str]:
        return None, Path(), None, "29"


def is_locked() -> bool:
    with (images_dir() / ".lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


class Recipe(SimpleNamespace):
    """A phone of four bytes. `builds` counts; `fails` breaks off in the middle."""

    DESCRIPTION = "a phone"
    PROGRAMS = ()
    PARTS = phone.PARTS
    builds = 0
    was_locked = False
    fails = False

    def build(
        self, debian: object, source: object, version: str, work: Path, out: Path, progress: object
    ) -> dict[str, str]:
        self.builds += 1
        self.was_locked = is_locked()
        (out / "root.tar").write_bytes(b"data")
        if self.fails:
            raise KeyboardInterrupt
        return {"adbd": version}


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """A recipe package in a folder of its own, with one made-up image."""
    found = Recipe()
    (tmp_path / "recipe").mkdir()
    (tmp_path / "recipe" / "phone.py").write_text("one")
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(building, "_Bench", Bench)
    monkeypatch.setattr(building, "FOLDER", tmp_path / "recipe")
    monkeypatch.setitem(building.RECIPES, "phone", found)
    return found


def test_what_is_there_is_not_built_again(recipe: Recipe) -> None:
    (folder,) = build(["phone"], NullProgress())
    assert build(["phone"], NullProgress()) == [folder]
    assert recipe.builds == 1
    assert find_image("phone").manifest.versions == {"adbd": "29"}


def test_one_builds_at_a_time(recipe: Recipe) -> None:
    build(["phone"], NullProgress())
    assert recipe.was_locked
    assert not is_locked()


def test_a_changed_recipe_is_another_image_and_the_old_one_goes(recipe: Recipe, tmp_path: Path) -> None:
    (old,) = build(["phone"], NullProgress())
    (tmp_path / "recipe" / "phone.py").write_text("two")
    (new,) = build(["phone"], NullProgress())
    assert new != old
    assert find_image("phone").folder == new
    assert not old.exists()


def test_a_file_more_or_of_another_name_changes_the_key(recipe: Recipe, tmp_path: Path) -> None:
    keys = {recipe_key("phone"), recipe_key("machine")}
    (tmp_path / "recipe" / "b.sh").write_text("x")
    keys.add(recipe_key("phone"))
    (tmp_path / "recipe" / "b.sh").rename(tmp_path / "recipe" / "c.sh")
    keys.add(recipe_key("phone"))
    assert len(keys) == 4


def test_a_build_that_is_broken_off_leaves_nothing(recipe: Recipe) -> None:
    recipe.fails = True
    with pytest.raises(KeyboardInterrupt):
        build(["phone"], NullProgress())
    assert [path.name for path in images_dir().iterdir()] == [".lock"]


def test_a_damaged_image_is_built_again(recipe: Recipe) -> None:
    (folder,) = build(["phone"], NullProgress())
    (folder / "root.tar").write_bytes(b"dat")
    assert build(["phone"], NullProgress()) == [folder]
    assert (folder / "root.tar").read_bytes() == b"data"


def without(monkeypatch: pytest.MonkeyPatch, *programs: str) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name in programs else f"/usr/bin/{name}")


def test_root_and_programs_are_asked_for_before_anything_is_done(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "dpkg-deb", "dpkg-source")
    with pytest.raises(LabError, match="not installed: dpkg-deb, dpkg-source") as caught:
        build(["phone"], NullProgress())
    assert caught.value.hint == "apt-get install dpkg dpkg-dev"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="needs root") as caught:
        build(["phone"], NullProgress())
    command = f"{sys.executable} -m lab devices build phone"
    assert caught.value.hint == f"sudo env LAB_HOME={tmp_path} {command}"
    monkeypatch.delenv("LAB_HOME")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LabError, match="needs root") as caught:
        build(list(building.RECIPES), NullProgress())
    assert caught.value.hint == f"sudo {sys.executable} -m lab devices build all"
    assert not folder_of("phone").parent.exists()


def test_a_machine_without_apt_is_told_where_images_can_be_made(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "apt-get")
    with pytest.raises(LabError, match="no apt-get") as caught:
        build(["phone"], NullProgress())
    assert "Debian 12" in str(caught.value.hint)


def test_every_program_of_a_recipe_has_a_package() -> None:
    programs = {program for recipe in building.RECIPES.values() for program in recipe.PROGRAMS}
    assert programs <= set(building.PACKAGES)
    assert tuple(building.RECIPES) == NAMES


def test_who_waits_for_another_build_is_told(recipe: Recipe) -> None:
    notes: list[str] = []

    class Told(NullProgress):
        def note(self, text: str) -> None:
            notes.append(text)
            fcntl.flock(held, fcntl.LOCK_UN)

    images_dir().mkdir(parents=True)
    with (images_dir() / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        build(["phone"], Told())
    assert notes == ["waiting: another process builds emulated devices here"]


def test_the_verb_builds_and_says_how_far_it_is(recipe: Recipe, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "build", "phone"]) == 0
    out, err = capsys.readouterr()
    assert out == f"{folder_of('phone')}\n"
    assert err.splitlines()[0] == "build phone ..."
    assert main(["devices", "build", "phone", "--json"]) == 0
    (image,) = json.loads(capsys.readouterr().out)["images"]
    assert image["manifest"]["key"] == recipe_key("phone")
    assert recipe.builds == 1


def test_the_verb_says_what_ctrl_c_left(recipe: Recipe, capsys: pytest.CaptureFixture[str]) -> None:
    recipe.fails = True
    assert main(["devices", "build", "phone"]) == 130
    assert "nothing half-made is left" in capsys.readouterr().err
    assert [path.name for path in images_dir().iterdir()] == [".lock"]


def test_an_image_of_somebody_elses_name_is_not_promised(recipe: Recipe) -> None:
    with pytest.raises(LabError, match="no image 'mine'") as caught:
        find_image("mine")
    assert caught.value.hint == "lab devices build makes phone, phone-opencl, machine"
