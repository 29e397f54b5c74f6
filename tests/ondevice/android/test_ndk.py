"""Which NDK is taken, and what is said where there is none, an old one, or something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.core.errors import CompileError
from lab.ondevice.android import ndk
from lab.ondevice.android.ndk import COMPILER, CXX_LIBRARY, find_ndk, release
from tests.ondevice.conftest import there


def fill(root: Path, revision: str = "27.2.12479018") -> Path:
    """Lay out empty files where an NDK has its own."""
    prebuilt = root / "toolchains/llvm/prebuilt/linux-x86_64"
    for path in (prebuilt / "bin" / COMPILER, prebuilt / "sysroot/usr/lib/aarch64-linux-android" / CXX_LIBRARY):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (root / "source.properties").write_text(f"Pkg.Desc = Android NDK\nPkg.Revision = {revision}\n")
    return root


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*ndk.VARIABLES, ndk.SDK):
        monkeypatch.delenv(name, raising=False)


def refusal() -> CompileError:
    with pytest.raises(CompileError) as caught:
        find_ndk()
    assert "sdkmanager" in there(caught.value.hint)
    assert "developer.android.com/ndk/downloads" in there(caught.value.hint)
    assert "google-android-ndk-r26d-installer" in there(caught.value.hint)
    return caught.value


def test_none_at_all_names_what_was_looked_at_and_what_to_install() -> None:
    assert refusal().what == (
        "no Android NDK: ANDROID_NDK_HOME, ANDROID_NDK_ROOT are not set, and neither is ANDROID_HOME"
    )


@pytest.mark.parametrize("name", ["ANDROID_NDK_HOME", "ANDROID_NDK_ROOT"])
def test_the_named_one_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    fill(tmp_path / "sdk/ndk/29.0.1")
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path / "sdk"))
    monkeypatch.setenv(name, str(fill(tmp_path / "own")))
    found = find_ndk()
    assert (found.root, found.revision) == (tmp_path / "own", "27.2.12479018")


def test_of_several_the_newest_by_number_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for revision in ("25.2.9519653", "100.0.1", "27.2.12479018"):
        fill(tmp_path / "ndk" / revision, revision)
    (tmp_path / "ndk" / "latest").mkdir()
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path))
    assert find_ndk().revision == "100.0.1"


def test_an_sdk_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path))
    assert f"{tmp_path}/ndk has none" in refusal().what


@pytest.mark.parametrize(("revision", "named"), [("24.0.8215888", "r24"), ("23.1.7779620", "r23b"), ("10.4.1", "r10e")])
def test_an_old_one_is_named_beside_the_one_that_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, revision: str, named: str
) -> None:
    monkeypatch.setenv("ANDROID_NDK_HOME", str(fill(tmp_path, revision)))
    assert f"is NDK {named} ({revision}), r25 or newer is needed" in refusal().what


def test_the_oldest_that_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDROID_NDK_HOME", str(fill(tmp_path, "25.0.8775105-beta1")))
    assert find_ndk().revision == "25.0.8775105"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no NDK: source.properties: No such file"),
        ("", "names no revision"),
        ("Pkg.Desc = Android SDK Platform-Tools\nPkg.Revision = 35.0.2\n", "names no revision"),
        ("Pkg.Desc = Android NDK\nPkg.Revision = twenty\n", "names no revision"),
        ("\x00" * 100_000 + "Pkg.Desc = Android NDK\nPkg.Revision = 27.2.1\n", "names no revision"),
    ],
)
def test_what_is_no_ndk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "source.properties").write_text(text)
    monkeypatch.setenv("ANDROID_NDK_HOME", str(tmp_path))
    assert said in refusal().what
    assert refusal().what.startswith(f"ANDROID_NDK_HOME={tmp_path}: ")


def test_a_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANDROID_NDK_HOME", str(tmp_path / "nowhere"))
    assert "no such folder" in refusal().what


@pytest.mark.parametrize("missing", [COMPILER, CXX_LIBRARY])
def test_an_ndk_with_a_hole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    next(fill(tmp_path).rglob(missing)).unlink()
    monkeypatch.setenv("ANDROID_NDK_HOME", str(tmp_path))
    assert f"{missing} is missing, the NDK is not whole" in refusal().what


def test_an_ndk_for_another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prebuilt = fill(tmp_path) / "toolchains/llvm/prebuilt"
    (prebuilt / "linux-x86_64").rename(prebuilt / "windows-x86_64")
    monkeypatch.setenv("ANDROID_NDK_HOME", str(tmp_path))
    assert "has no compiler that runs on this machine" in refusal().what


def test_releases_are_called_as_google_calls_them() -> None:
    assert [release(27, 2), release(25, 0), release(26, 3)] == ["r27c", "r25", "r26d"]
