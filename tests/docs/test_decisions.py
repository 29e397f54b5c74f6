"""docs/decisions/README.md lists every record once, by its title."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "decisions"
HEADING = re.compile(r"# (\d+)[.:] (.+)")


def test_every_record_is_listed_once_with_its_title() -> None:
    listed = re.findall(r"^- (\d+): \[(.+)\]\((.+)\)$", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE)
    written = []
    for path in sorted(FOLDER.glob("[0-9]*.md")):
        heading = HEADING.fullmatch(path.read_text("utf-8").partition("\n")[0])
        assert heading, f"{path.name} does not begin with its number and title"
        written.append((str(int(heading[1])), heading[2], path.name))
    assert sorted(listed) == sorted(written), "docs/decisions/README.md: a line `- N: [title](file)` each"


def test_a_record_has_the_number_of_its_file() -> None:
    for path in sorted(FOLDER.glob("[0-9]*.md")):
        assert int(path.name[:4]) == int(path.read_text("utf-8").split()[1].strip(".:")), path.name
