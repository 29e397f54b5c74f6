"""docs/architecture.md draws the layers that tests/test_layers.py holds the code to."""

from __future__ import annotations

import re
from pathlib import Path

from tests.test_layers import LAYERS

PAGE = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text("utf-8")


def drawn() -> list[str]:
    """Return the layers of the drawing, from the top."""
    drawing = PAGE.partition("<!-- layers -->")[2].partition("<!-- end -->")[0]
    return re.findall(r"^ {4}(\w+)/ ", drawing, re.MULTILINE)


def test_the_drawing_has_every_layer_in_its_order() -> None:
    assert drawn() == LAYERS


def test_what_the_walks_pass_is_there() -> None:
    """A name in bold is a layer, or a folder or file of one."""
    lab = Path(__file__).parents[2] / "lab"
    named = re.findall(r"\*\*([a-z]+(?:/[a-z_]+)*)\*\*", PAGE)
    assert len(named) > 15
    assert [name for name in named if not (lab / name).is_dir() and not (lab / f"{name}.py").exists()] == []
