"""What of a folder is content that a device gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.core.errors import DeviceError
from lab.devices.remote.content import contents


def test_what_a_killed_writer_left_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "model.so").write_bytes(b"code")
    (tmp_path / ".lab-tmp-12-abcdef-manifest.json").write_bytes(b"half")
    assert [(one.name, one.size_bytes) for one in contents(tmp_path, "bundle")] == [("bundle/inner/model.so", 4)]


def test_another_name_that_is_not_plain_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".hidden").write_bytes(b"")
    with pytest.raises(DeviceError, match="hidden"):
        contents(tmp_path, "bundle")
