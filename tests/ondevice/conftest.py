"""The runner, built once a session, and a stub bundle for it to run."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from lab.core.proc import Completed, run
from lab.ondevice.build import RunnerFiles, runner
from lab.ondevice.run_log import RunLog, read_run
from tests.ondevice.oracle import Weights
from tests.ondevice.stub_bundle import make_bundle
from tests.ondevice.stub_model import TRIPLE

T = TypeVar("T")


def there(value: T | None) -> T:
    """Return a value that must have been said."""
    assert value is not None
    return value


@dataclass(frozen=True)
class Stub:
    """The bundle folder and the weights in it."""

    folder: Path
    weights: Weights


class Bench:
    """Calls one runner binary as a device would."""

    def __init__(self, files: RunnerFiles) -> None:
        self.files = files
        self.env = {**os.environ, **files.env()}

    def argv(self, bundle: Path, *words: str, prompt: int = 5, generate: int = 4) -> list[str]:
        common = ["--bundle", str(bundle), "--runtime", str(self.files.runtime)]
        sizes = ["--prompt", str(prompt), "--generate", str(generate)]
        return [str(self.files.binary), "run", *common, *sizes, *words]

    def call(self, *words: str) -> Completed:
        return run([str(self.files.binary), *words], timeout_s=120, env=self.env)

    def run(self, bundle: Path, *words: str, **sizes: int) -> Completed:
        return run(self.argv(bundle, *words, **sizes), timeout_s=120, env=self.env)

    def log(self, bundle: Path, *words: str, **sizes: int) -> RunLog:
        done = self.run(bundle, *words, **sizes)
        assert done.code == 0, done.stdout + done.stderr
        return read_run(done.stdout.splitlines())


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(runner(TRIPLE, out_root=tmp_path_factory.mktemp("compiled")))


@pytest.fixture(scope="session")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Stub:
    folder = tmp_path_factory.mktemp("stub")
    return Stub(folder, make_bundle(folder))


@pytest.fixture
def changed(stub: Stub, tmp_path: Path) -> Callable[..., Path]:
    """A function that copies the bundle and passes its manifest, as plain data, to an `edit`."""

    def change(edit: Callable[[dict[str, Any]], object]) -> Path:
        folder = tmp_path / "changed"
        shutil.copytree(stub.folder, folder)
        manifest = json.loads((folder / "manifest.json").read_text())
        edit(manifest)
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return folder

    return change
