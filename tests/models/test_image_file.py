"""An image file as an encoder reads it, against torch's own way of cutting patches; files that are none."""

from __future__ import annotations

import re
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lab.core.errors import LabError, ModelError
from lab.models.families import family_of
from lab.models.phi2.presets import PHI_2
from lab.models.tinygpt_v.family import TINYGPT_V
from lab.models.tinygpt_v.image_file import DEVIATION, MEAN
from tests.models.test_tinygpt_v import TINY, VISION


def saved(path: Path, size: tuple[int, int] = (8, 8), mode: str = "RGB") -> Path:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).convert(mode).save(path)
    return path


def test_patches_are_those_that_a_convolution_sees(tmp_path: Path) -> None:
    path = saved(tmp_path / "image.png")
    got = TINYGPT_V.pixels(TINY, path)
    with Image.open(path) as image:
        colours = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].double() / 255
    mean, deviation = (torch.tensor(values, dtype=torch.float64)[None, :, None, None] for values in (MEAN, DEVIATION))
    want = torch.nn.functional.unfold((colours - mean) / deviation, 2, stride=2)[0].T.numpy()
    assert got.shape == (VISION.rows, VISION.columns) == (17, 32)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got[1:, :12], want, atol=1e-5)
    assert not got[0].any()
    assert not got[:, 12:].any()


@pytest.mark.parametrize(("name", "size", "mode"), [("a.jpg", (640, 480), "RGB"), ("a.png", (3, 9), "L")])
def test_any_size_and_kind_of_colours_is_brought_to_the_encoders(
    name: str, size: tuple[int, int], mode: str, tmp_path: Path
) -> None:
    got = TINYGPT_V.pixels(TINY, saved(tmp_path / name, size, mode))
    assert got.shape == (17, 32)
    assert np.isfinite(got).all()
    assert got[1:].std() > 0.1


def cut_short(path: Path) -> None:
    saved(path, (64, 64))
    path.write_bytes(path.read_bytes()[:-500])


def huge(path: Path, side: int = 40000) -> None:
    """A PNG of 70 bytes that claims so many pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    body = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(body))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_text("no image"), "not an image that can be read"),
        (lambda path: path.write_bytes(b""), "not an image that can be read"),
        (cut_short, "cannot be read as an image: "),
        (huge, "says that it has more pixels than are safe"),
        (lambda path: huge(path, 10000), "says that it has more pixels than are safe"),
        (lambda path: path.mkdir(), "cannot be read as an image: Is a directory"),
        (lambda path: None, "cannot be read as an image: No such file or directory"),
    ],
    ids=["text", "empty", "cut short", "huge", "large", "a folder", "missing"],
)
def test_what_is_no_image_is_an_error_that_names_it(make: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    make(path)
    with pytest.raises(ModelError, match=rf"image\.png: {re.escape(message)}") as caught:
        TINYGPT_V.pixels(TINY, path)
    assert caught.value.hint == "give a PNG or JPEG file"


def test_a_model_without_an_encoder_reads_no_image(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"image\.png: Phi-2 networks read no images$"):
        family_of(PHI_2).pixels(PHI_2, saved(tmp_path / "image.png"))


def test_without_pillow_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "lab.models.tinygpt_v.image_file", raising=False)
    with pytest.raises(LabError, match=r"image\.png: reading an image needs the package pillow") as problem:
        TINYGPT_V.pixels(TINY, tmp_path / "image.png")
    assert str(problem.value.hint).startswith("pip install pillow")
