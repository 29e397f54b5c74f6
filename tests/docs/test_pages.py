"""What docs/ takes from the program is what the program says now."""

from __future__ import annotations

import re
from itertools import groupby
from xml.etree import ElementTree

import pytest

from tests.docs import dashboard_picture
from tests.docs.first_run import TITLE, text
from tests.docs.pages import COMMAND, DASHBOARD, MADE, PICTURE, ROOT, with_made_part

TEXT = "{http://www.w3.org/2000/svg}text"


@pytest.mark.parametrize("path", MADE)
def test_made_parts_are_what_the_program_says(path: str) -> None:
    name, make = MADE[path]
    page = (ROOT / path).read_text("utf-8")
    assert page == with_made_part(page, name, make()), f"{path} is stale: run {COMMAND}"


def test_the_picture_shows_the_table_of_the_recorded_run() -> None:
    """Its words, whatever rich writes around them."""
    content = (ROOT / PICTURE).read_text("utf-8")
    assert "url(http" not in content
    assert "://" not in re.sub(r'xmlns="[^"]*"', "", content)
    title, *shown = _lines(ElementTree.fromstring(content))
    assert title == TITLE
    assert "".join(shown) == re.sub(r"\s", "", text()), f"{PICTURE} is stale: run {COMMAND}"


@pytest.mark.slow
def test_the_picture_shows_the_dashboard_of_the_demo() -> None:
    """Its words, line by line, are those of the application now."""
    content = (ROOT / DASHBOARD).read_text("utf-8")
    assert "://" not in re.sub(r'xmlns="[^"]*"', "", content)
    title, *shown = _lines(ElementTree.fromstring(content))
    assert title == dashboard_picture.TITLE
    _, screen = dashboard_picture.picture()
    lines = [re.sub(r"\s", "", line) for line in screen.splitlines()]
    assert [line for line in shown if line] == [line for line in lines if line], f"stale: run {COMMAND}"


def _lines(svg: ElementTree.Element) -> list[str]:
    """Return the texts of a picture line by line, from the top; the title as it is, all others without blanks."""
    title, *parts = svg.iter(TEXT)
    lines = groupby(parts, key=lambda part: part.attrib["y"])
    texts = ["".join(re.sub(r"\s", "", part.text or "") for part in line) for _, line in lines]
    return [str(title.text).replace("\u00a0", " "), *texts]


def test_a_page_without_a_place_for_it_is_told() -> None:
    with pytest.raises(ValueError, match="no place for verbs"):
        with_made_part("# A page\n", "verbs", "text")
