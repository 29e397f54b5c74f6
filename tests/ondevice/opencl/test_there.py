"""Tests of OpenCL are left out where there is none; in CI that is a failure with what to install."""

from __future__ import annotations

import pytest

from tests import opencl_device


@pytest.mark.parametrize("missing", ["_has_platform", "_has_headers"])
def test_missing_opencl(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opencl_device, "_has_platform", lambda: True)
    monkeypatch.setattr(opencl_device, "_has_headers", lambda: True)
    opencl_device.require_opencl()
    monkeypatch.setattr(opencl_device, missing, lambda: False)
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception, match="apt-get install pocl-opencl-icd ocl-icd-libopencl1"):
        opencl_device.require_opencl()
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception):
        opencl_device.require_opencl()


def test_the_packages_are_those_that_ci_installs() -> None:
    script = (opencl_device.Path(__file__).parents[3] / "scripts" / "install-debian-packages").read_text()
    assert set(opencl_device.PACKAGES.split()) <= set(script.split())
