"""`lab run` of a model that reads images, for real, on one layer of each of its parts: made up, given, and none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lab.formats.run_record import from_json
from tests.cli.test_whole_path import SHORT, lab

pytestmark = pytest.mark.slow

CHOICE = ("--target", "local", "--model", "tinygpt-v-q4", "--layers", "1")


def test_images_made_up_given_and_none(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)).save(path)
    for given, source in (((), "synthetic"), (("--image", str(path)), "file")):
        code, out, err = lab(tmp_path, "run", *CHOICE, *SHORT, *given, "--json")
        assert code == 0, err
        record = from_json(json.loads(out))
        assert record.verify is not None
        assert record.verify.passed
        assert record.image is not None
        assert record.image.source == source
        (row,) = record.cells[0].repetitions
        assert row.image_s is not None
        assert row.image_s > 0
        assert record.model.image_positions == 32
    code, out, err = lab(tmp_path, "show", "latest")
    assert code == 0
    assert "Image" in out

    (tmp_path / "text.png").write_text("no image")
    code, _, err = lab(tmp_path, "run", *CHOICE, "--image", str(tmp_path / "text.png"))
    assert code == 1
    assert "text.png: not an image that can be read" in err
    code, _, err = lab(tmp_path, "run", "--target", "local", "--model", "phi2-q4", "--image", str(path))
    assert code == 1
    assert "cat.png: Phi-2 networks read no images" in err
