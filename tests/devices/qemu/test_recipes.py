"""Images are built whole or not at all, by one at a time, and again when their recipe changes."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab.core.errors import LabError
from lab.devices.qemu.image import find_image, images_dir
from tests.devices.images import build as building
from tests.devices.images.build import build, folder_of, recipe_key
from tests.devices.images.say import Say


class Bench:
    """Stands in for Debian: a recipe that needs nothing."""

    def __init__(self, stack: object) -> None:
        pass

    def source(self, say: object) -> tuple[None, Path, None, str]:
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
    builds = 0
    was_locked = False
    fails = False

    def build(self, debian: object, source: object, version: str, work: Path, out: Path, say: object) -> dict[str, str]:
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
    (folder,) = build(["phone"])
    assert build(["phone"]) == [folder]
    assert recipe.builds == 1
    assert find_image("phone").manifest.versions == {"adbd": "29"}


def test_one_builds_at_a_time(recipe: Recipe) -> None:
    build(["phone"])
    assert recipe.was_locked
    assert not is_locked()


def test_a_changed_recipe_is_another_image_and_the_old_one_goes(recipe: Recipe, tmp_path: Path) -> None:
    (old,) = build(["phone"])
    (tmp_path / "recipe" / "phone.py").write_text("two")
    (new,) = build(["phone"])
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
        build(["phone"])
    assert [path.name for path in images_dir().iterdir()] == [".lock"]


def test_a_damaged_image_is_built_again(recipe: Recipe) -> None:
    (folder,) = build(["phone"])
    (folder / "root.tar").write_bytes(b"dat")
    assert build(["phone"]) == [folder]
    assert (folder / "root.tar").read_bytes() == b"data"


def test_root_and_programs_are_asked_for_before_anything_is_done(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def which(name: str) -> str | None:
        return None if name == "dpkg-deb" else f"/usr/bin/{name}"

    monkeypatch.setattr(shutil, "which", which)
    with pytest.raises(LabError, match="not installed: dpkg-deb"):
        build(["phone"])
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="needs root") as caught:
        build(["phone"])
    assert str(caught.value.hint) == "sudo scripts/build-emulated-devices phone"
    assert not folder_of("phone").parent.exists()


def test_a_long_step_is_told_again_with_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with Say("phone", again_s=0.01) as say:
        say("compile adbd")
        say.far(20, 66, "files")
        while "so far, 20 of 66 files" not in (told := capsys.readouterr().err):
            assert told.count("\n") < 1000
        say("pack")
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].partition("] ")[2].startswith("phone: pack")
    assert "lab-image-progress" not in {thread.name for thread in threading.enumerate()}


def test_what_only_talks_is_no_part_of_an_image(recipe: Recipe, tmp_path: Path) -> None:
    before = recipe_key("phone")
    (tmp_path / "recipe" / "say.py").write_text("other words")
    assert recipe_key("phone") == before
