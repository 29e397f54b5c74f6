from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.core.atomic import staging_dir
from tests.cli.conftest import Keep, Lab

KEY = "0123456789ab"


def folder(path: Path, **sizes: int) -> Path:
    path.mkdir(parents=True)
    for name, size in sizes.items():
        (path / name).write_bytes(bytes(size))
    return path


COMPILED = {"bundle", "library", "runner", "plugin", "runtime", "toolchain"}


@pytest.fixture
def compiled(home: Path) -> Path:
    """A bundle that shares its weights with the weights folder, a library, a runner, and a leftover."""
    root = home / "compiled"
    weights = folder(root / "weights" / f"phi3-mini-q4--{KEY}", **{"weights.bin": 5000, "manifest.json": 2})
    bundle = folder(root / f"local--phi3-mini-q4--{KEY}", **{"model.so": 300, "manifest.json": 2})
    os.link(weights / "weights.bin", bundle / "weights.bin")
    folder(root / "lib" / f"local--phi3-mini-q4--{KEY}", **{"model.so": 300, "manifest.json": 2})
    folder(root / "gguf" / f"phi3-mini-q4--{KEY}", **{"model.gguf": 9, "manifest.json": 2})
    folder(root / "runner" / f"x86_64-linux-gnu--{KEY}", **{"lab-bench": 40, "manifest.json": 2})
    folder(root / "runtime" / f"linux-aarch64--{KEY}", **{"libtvm_ffi.so": 30, "manifest.json": 2})
    folder(root / "plugin" / f"x86_64-linux-gnu--{KEY}", **{"liblab_opencl.so": 20, "manifest.json": 2})
    folder(root / "toolchain" / f"android-arm64--{KEY}", **{"lab-bench": 10, "manifest.json": 2})
    folder(root / "weights" / f".lab-tmp-999999-aaaaaaaaaaaa-phi3-mini-q4--{KEY}", **{"weights.bin": 70})
    return root


def kinds(lab: Lab, *options: str) -> dict[str, int]:
    return {row["kind"]: row["size_bytes"] for row in lab("clean", *options, "--json").document["folders"]}


def test_it_only_lists_without_yes(lab: Lab, compiled: Path) -> None:
    before = sorted(compiled.rglob("*"))
    ran = lab("clean")
    assert ran.code == 0
    assert "would be removed" in ran.out
    assert sorted(compiled.rglob("*")) == before


def test_shared_weights_are_counted_once(lab: Lab, compiled: Path) -> None:
    found = kinds(lab)
    assert set(found) == {*COMPILED, "weights", "gguf", "stale"}
    assert sum(found.values()) == 5000 + 302 + 2 + 302 + 42 + 32 + 22 + 12 + 11 + 70


def test_images_of_emulated_devices_are_neither_bundles_nor_leftovers(lab: Lab, compiled: Path) -> None:
    folder(compiled / "images" / f"phone--{KEY}", **{"root.tar": 6, "manifest.json": 2})
    assert kinds(lab, "--images") == {"image": 8}
    assert "image" not in kinds(lab, "--bundles", "--stale")
    assert kinds(lab)["image"] == 8


def test_weights_that_a_bundle_still_holds_free_nothing(lab: Lab, compiled: Path) -> None:
    assert kinds(lab, "--weights") == {"weights": 2, "gguf": 11}


@pytest.mark.parametrize(
    ("option", "gone"),
    [
        ("--weights", {"weights", "gguf"}),
        ("--bundles", COMPILED),
        ("--stale", {"stale"}),
    ],
)
def test_filters(lab: Lab, compiled: Path, option: str, gone: set[str]) -> None:
    before = set(kinds(lab))
    assert set(kinds(lab, option, "--yes")) == gone
    assert set(kinds(lab)) == before - gone


def test_yes_removes_all_of_it_and_no_recorded_run(lab: Lab, compiled: Path, keep: Keep, home: Path) -> None:
    keep()
    profiles = sorted((home / "profiles").rglob("*"))
    assert lab("clean", "--yes").code == 0
    assert kinds(lab) == {}
    assert not [path for path in compiled.rglob("*") if path.is_file()]
    assert sorted((home / "profiles").rglob("*")) == profiles


def test_what_is_being_built_is_left_alone(lab: Lab, home: Path) -> None:
    with staging_dir(home / "compiled" / "weights", "phi3-mini-q4") as staging:
        (staging / "weights.bin").write_bytes(bytes(10))
        assert kinds(lab, "--yes") == {}
        assert (staging / "weights.bin").is_file()


def test_a_folder_without_manifest_is_stale(lab: Lab, home: Path) -> None:
    folder(home / "compiled" / f"local--phi3-mini-q4--{KEY}", **{"model.so": 300})
    assert kinds(lab) == {"stale": 300}


def test_links_out_of_compiled_are_not_followed(lab: Lab, home: Path, tmp_path: Path) -> None:
    precious = folder(tmp_path / "precious", **{"manifest.json": 2, "thesis.txt": 100})
    (home / "compiled").mkdir()
    (home / "compiled" / "link").symlink_to(precious)
    assert lab("clean", "--yes").code == 0
    assert (precious / "thesis.txt").is_file()


def test_nothing_there_is_no_error(lab: Lab) -> None:
    ran = lab("clean")
    assert (ran.code, ran.out) == (0, "nothing to remove\n")


def test_the_cache_of_points_goes_with_all_and_is_no_leftover(lab: Lab, keep: Keep, compiled: Path) -> None:
    keep()
    assert lab("store", "prune", "--older-than", "1").code == 0  # reads the history
    assert "points" in kinds(lab)
    assert "points" not in kinds(lab, "--stale")
    lab("clean", "--yes")
    assert not (compiled / "points").exists()
    assert len(lab("runs", "--json").document["runs"]) == 1
