"""What pages of docs/ take from the program: `python -m tests.docs.pages` writes it anew, a test compares it.

The part of a page between `<!-- made: NAME -->` and `<!-- end -->` is made; the rest is written by people.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.docs.dashboard_picture import picture
from tests.docs.first_run import drawing, text
from tests.docs.verbs import every_verb
from tests.docs.words import words

ROOT = Path(__file__).parents[2]
COMMAND = "python -m tests.docs.pages"
MADE: dict[str, tuple[str, Callable[[], str]]] = {
    "docs/verbs.md": ("verbs", every_verb),
    "docs/words.md": ("words", words),
    "docs/reading.md": ("first-run", lambda: f"```text\n{text()}```\n"),
}
PICTURE = "docs/first-run.svg"
DASHBOARD = "docs/dashboard.svg"


def with_made_part(page: str, name: str, made: str) -> str:
    """Return the page with `made` between its markers. Raises ValueError for a page without them."""
    before, start, rest = page.partition(f"<!-- made: {name} -->\n")
    _, end, after = rest.partition("<!-- end -->\n")
    if not (start and end):
        raise ValueError(f"no place for {name}: <!-- made: {name} --> ... <!-- end -->")
    return before + start + made + end + after


def main() -> None:
    """Write all that is made."""
    for path, (name, make) in MADE.items():
        page = ROOT / path
        page.write_text(with_made_part(page.read_text("utf-8"), name, make()), "utf-8")
    (ROOT / PICTURE).write_text(drawing(), "utf-8")
    (ROOT / DASHBOARD).write_text(picture()[0], "utf-8")


if __name__ == "__main__":
    main()
