"""docs/adding-a-family.md: the family that it writes is the one that tests/models/test_adding_a_family.py runs."""

from __future__ import annotations

import re
from pathlib import Path

from lab.models.families import FAMILIES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding-a-family.md").read_text("utf-8")
FILES = [ROOT / "tests" / "models" / name for name in ("tiny_family.py", "tiny_torch.py")]


def pieces(text: str) -> list[str]:
    """The statements at the top of a file, in no order: a page may tell them in its own."""
    return sorted(filter(None, (piece.strip() for piece in re.split(r"\n(?=[^\s)\]}])", text))))


def test_the_page_holds_the_code_of_the_test_and_nothing_else() -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    # Without their docstrings, which are about the test.
    files = "\n".join(path.read_text("utf-8").partition('"""\n\n')[2] for path in FILES)
    assert pieces(code) == pieces(files)


def test_its_row_is_written_as_the_table_has_them() -> None:
    row = re.search(r'^"([\w-]+)": "([\w.]+):(\w+)",$', PAGE, re.MULTILINE)
    assert row
    known = {name: target.partition(":")[0] for name, target in FAMILIES.items()}
    assert row[1] not in known
    assert known["phi3"] == row[2].replace("tiny_llama", "phi3")
