"""Programs that the tests need from the system."""

from __future__ import annotations

import os
import shutil

import pytest


def program(name: str, package: str, *, folders: str = "/usr/sbin:/sbin") -> str:
    """Return the path of a program; without it the test fails in CI, and is skipped elsewhere."""
    found = shutil.which(name) or shutil.which(name, path=folders)
    if found is None:
        install = f"{name} is missing: run scripts/install-debian-packages, or apt-get install {package}"
        if os.environ.get("CI"):
            pytest.fail(install)
        pytest.skip(install)
    return found
