"""Conversion that is cut short, repeated, or has nowhere to write."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections import namedtuple

import pytest

from lab.core.errors import LabError
from lab.core.progress import NullProgress
from lab.models.convert import convert, writer
from lab.models.sources import SyntheticSource
from tests.models import small

SPEC = small.spec("q4")
CHILD = """
import sys, time
from pathlib import Path
from lab.core.progress import NullProgress
from lab.models.convert import convert
from lab.models.sources import SyntheticSource
from tests.models import small

class Slow(SyntheticSource):
    def read_rows(self, hf_name, start, stop):
        if hf_name == "model.layers.1.mlp.gate_up_proj.weight":
            print("half-way", flush=True)
            time.sleep(60)
        return super().read_rows(hf_name, start, stop)

convert(small.spec("q4"), Slow(small.PLAIN), Path(sys.argv[1]), NullProgress())
"""


class Notes(NullProgress):
    def __init__(self):
        self.said = []

    def note(self, text):
        self.said.append(text)


class Unreadable(SyntheticSource):
    def read_rows(self, hf_name, start, stop):
        raise AssertionError("read although everything is there")


def fresh(root, progress=None):
    return convert(SPEC, SyntheticSource(small.PLAIN), root, progress or NullProgress())


def left_in(root):
    return sorted(path.name for path in (root / "weights").iterdir())


def test_a_killed_conversion_leaves_nothing_that_is_taken_for_whole(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "half-way\n"
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    leftovers = left_in(tmp_path)
    assert len(leftovers) == 1
    assert leftovers[0].startswith(".lab-tmp-")
    folder = fresh(tmp_path)
    assert left_in(tmp_path) == [folder.name]  # swept, and made anew


def test_ctrl_c_leaves_nothing(tmp_path):
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD.replace("time.sleep(60)", "time.sleep(1)"), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "half-way\n"
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert "KeyboardInterrupt" in err
    assert left_in(tmp_path) == []


def test_the_same_key_is_returned_without_reading(tmp_path):
    folder = fresh(tmp_path)
    before = (folder / "weights.bin").stat()
    assert convert(SPEC, Unreadable(small.PLAIN), tmp_path, NullProgress()) == folder
    assert (folder / "weights.bin").stat() == before


@pytest.mark.parametrize("how", ["short", "gone", "no manifest", "garbled manifest", "empty"])
def test_a_damaged_folder_is_made_again(tmp_path, how):
    folder = fresh(tmp_path)
    weights, manifest = folder / "weights.bin", folder / "manifest.json"
    whole = weights.read_bytes()
    if how == "short":
        os.truncate(weights, 5000)
    if how == "gone":
        weights.unlink()
    if how == "no manifest":
        manifest.unlink()
    if how == "garbled manifest":
        manifest.write_text(manifest.read_text()[:-40])
    if how == "empty":
        shutil.rmtree(folder)
        folder.mkdir()
    notes = Notes()
    assert fresh(tmp_path, notes) == folder
    assert weights.read_bytes() == whole
    assert len(notes.said) == 1
    assert "made again" in notes.said[0]


def test_too_little_disk_is_refused_before_anything_is_read(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(LabError, match=r"not enough disk for tiny-q4--\w+: .* needed, 1000 B free") as caught:
        convert(SPEC, Unreadable(small.PLAIN), tmp_path, NullProgress())
    assert "lab clean" in caught.value.hint
    assert left_in(tmp_path) == []


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writer.os, "pwrite", full)
    with pytest.raises(LabError, match="the disk is full"):
        fresh(tmp_path)
    assert left_in(tmp_path) == []


def test_a_place_that_can_not_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(LabError, match="cannot write"):
        fresh(tmp_path / "file")


PEAK = """
import resource, sys
from pathlib import Path
from lab.core.progress import NullProgress
from lab.models import catalog
from lab.models.convert import convert
from lab.models.sources import SyntheticSource

spec = catalog.resolve("phi3-mini-q4", layers=1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
convert(spec, SyntheticSource(spec.config), Path(sys.argv[1]), NullProgress())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_real_matrices_are_never_whole_in_memory(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path)], capture_output=True, text=True, check=True, timeout=300
    )
    # The embedding alone would be 394 MB as float32.
    assert int(done.stdout) * 1024 < 250_000_000


def test_two_conversions_at_once_give_one_folder(tmp_path):
    code = CHILD.replace('print("half-way", flush=True)', "pass").replace("time.sleep(60)", "time.sleep(0.5)")
    children = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(2)]
    assert [child.wait(timeout=120) for child in children] == [0, 0]
    assert len(left_in(tmp_path)) == 1
    assert convert(SPEC, Unreadable(small.PLAIN), tmp_path, NullProgress()).is_dir()
