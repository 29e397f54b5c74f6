"""A copy of lab that stays as it is while the checkout it came from is moved through history."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from lab.core.home import PACKAGE

_NEEDED = ("targets", "dashboards")  # a checkout keeps its definitions beside the package


@dataclass(frozen=True)
class Frozen:
    """How to start this lab whatever is checked out: `path` goes in front of Python's own, None where it need not.

    `is_subject` says that lab itself is the repository: then sessions are measured by the lab that is checked out.
    """

    path: Path | None

    @property
    def is_subject(self) -> bool:
        """Whether lab itself is bisected."""
        return self.path is not None

    def env(self, env: dict[str, str]) -> dict[str, str]:
        """Return the environment for this lab's own processes."""
        if self.path is None:
            return env
        rest = env.get("PYTHONPATH")
        return {**env, "PYTHONPATH": os.pathsep.join([str(self.path), *([rest] if rest else [])])}


def frozen(top: Path, folder: Path) -> Frozen:
    """Copy lab into `folder` when it lies in the repository `top`; elsewhere it stays as it is by itself."""
    if not PACKAGE.resolve().is_relative_to(top.resolve()):
        return Frozen(None)
    copy = folder / "lab"
    shutil.copytree(PACKAGE, copy / "lab", ignore=shutil.ignore_patterns("__pycache__"))
    for name in _NEEDED:
        if (PACKAGE.parent / name).is_dir():
            shutil.copytree(PACKAGE.parent / name, copy / name)
    return Frozen(copy)
