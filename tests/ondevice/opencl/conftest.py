"""The plug-in and a library of kernels, built once a session, and processes that use them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.ondevice.opencl import warm
from tests.ondevice.opencl.kernels import make_library
from tests.ondevice.opencl.shim import build_shim, faults
from tests.opencl_device import plugin_path

TIMEOUT_S = 300


@dataclass(frozen=True)
class Bench:
    """Runs code in a process of its own, with the device open: see child.py for what the code finds."""

    plugin: Path
    kernels: Path
    shim: Path
    env: Mapping[str, str] = field(default_factory=dict)

    def run(self, code: str, options: Mapping[str, Any] | None = None, **planted: bool | int | str) -> dict[str, Any]:
        """Return what the code put out. With faults planted the device is the shim's."""
        given = {**({"library": str(self.shim)} if planted else {}), **(options or {})}
        argv = [str(self.plugin), str(self.kernels), json.dumps(given)]
        env, code = {**os.environ, **self.env, **faults(**planted)}, textwrap.dedent(code)
        done = warm.run(argv, env, code) if "LD_PRELOAD" not in self.env else alone(argv, env, code)
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
        return dict(json.loads(done.stdout.splitlines()[-1]))


def alone(argv: Sequence[str], env: Mapping[str, str], code: str) -> subprocess.CompletedProcess[str]:
    """Run the code in a process that is started for it: what the loader is told counts from the start."""
    words = [sys.executable, "-m", "tests.ondevice.opencl.child", *argv]
    return subprocess.run(words, input=code, env=env, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    plugin = plugin_path()
    folder = tmp_path_factory.mktemp("opencl")
    return Bench(plugin, make_library(folder), build_shim(folder))
