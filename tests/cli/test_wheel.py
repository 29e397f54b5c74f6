"""The wheel, away from the checkout: everything it needs travels in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lab.devices.qemu.build import FOLDER, recipe_key

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that has lab from its wheel, and its dependencies from where the tests have them."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, text=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "env")], check=True)
    (site,) = (folder / "env" / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(_own_packages())
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "env"), "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True, text=True)
    return folder


def _own_packages() -> str:
    import numpy

    return str(Path(numpy.__file__).parents[1]) + "\n"


def lab(installed: Path, *argv: str, cwd: Path | None = None) -> str:
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "LAB_HOME")}
    program = str(installed / "env" / "bin" / "lab")
    done = subprocess.run([program, *argv], cwd=cwd or installed, env=env, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_console_script_works_outside_the_checkout(installed: Path) -> None:
    assert lab(installed, "--version").startswith("lab, version ")
    where = "import lab; print(lab.__file__)"
    python = str(installed / "env" / "bin" / "python")
    found = subprocess.run([python, "-c", where], cwd=installed, capture_output=True, text=True, check=True).stdout
    assert Path(found.strip()).is_relative_to(installed)


def test_built_in_targets_travel_in_the_wheel(installed: Path) -> None:
    names = [target["name"] for target in json.loads(lab(installed, "targets", "--json"))["targets"]]
    assert names == sorted(path.stem for path in (ROOT / "targets").glob("*.toml"))
    lab(installed, "targets", "check")


def test_a_users_target_comes_before_a_built_in_one(installed: Path, tmp_path: Path) -> None:
    own = tmp_path / "targets"
    own.mkdir()
    text = (ROOT / "targets" / "local.toml").read_text()
    (own / "local.toml").write_text(text.replace("This machine, on its own CPU", "mine"))
    found = json.loads(lab(installed, "targets", "--json", cwd=tmp_path))["targets"]
    assert [target["description"] for target in found if target["name"] == "local"] == ["mine"]


@pytest.mark.parametrize("folder", ["lab/ondevice/src", "lab/ondevice/opencl/src", "lab/compile/metal/include"])
def test_the_wheel_holds_sources_that_are_no_python(installed: Path, folder: str) -> None:
    (wheel,) = installed.glob("*.whl")
    sources = {f"{folder}/{path.name}" for path in (ROOT / folder).iterdir()}
    assert sources
    assert sources <= set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_holds_the_migrations_of_the_database(installed: Path) -> None:
    (wheel,) = installed.glob("*.whl")
    folder = ROOT / "lab" / "store" / "sql" / "migrations"
    files = {str(path.relative_to(ROOT)) for path in folder.rglob("*.py")}
    assert len(files) > 1
    assert files <= set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_holds_the_recipes_of_emulated_devices(installed: Path, tmp_path: Path) -> None:
    """The same ones, by their key, and programs of a phone can still be executed."""
    code = "from lab.devices.qemu.build import FOLDER, recipe_key; print(recipe_key('phone'), FOLDER)"
    python = str(installed / "env" / "bin" / "python")
    done = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    key, _, folder = done.stdout.strip().partition(" ")
    assert Path(folder).is_relative_to(installed)
    assert key == recipe_key("phone")
    theirs = {path.relative_to(folder): path.stat().st_mode & 0o111 for path in Path(folder).rglob("*")}
    ours = {path.relative_to(FOLDER): path.stat().st_mode & 0o111 for path in FOLDER.rglob("*")}
    assert {name: mode for name, mode in theirs.items() if "__pycache__" not in name.parts} == {
        name: mode for name, mode in ours.items() if "__pycache__" not in name.parts
    }


def test_the_wheel_holds_no_tests(installed: Path) -> None:
    (wheel,) = installed.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if name.startswith(("tests/", "compiled/", "profiles/"))]
