"""An NDK-shaped folder, made once, and tiny sources to build with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ondevice.android.ndk_folder import make_ndk
from tests.ondevice.android.planted import Planted, plant


@pytest.fixture(scope="session")
def ndk_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ndk(tmp_path_factory.mktemp("ndk") / "r27c")


@pytest.fixture
def ndk(ndk_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANDROID_NDK_HOME", str(ndk_root))
    monkeypatch.delenv("LAB_TVM_SOURCE", raising=False)
    return ndk_root


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planted:
    return plant(tmp_path, monkeypatch)
