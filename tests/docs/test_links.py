"""Every link, path and program that a page names is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("[A-Z]*.md"))]
PAGES.remove(ROOT / "CHANGELOG.md")  # it names what there was
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

BLOCK = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
CODE = {path.name for folder in ("lab", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")}
IN_THE_REPOSITORY = re.compile(r"(?<![\w./-])(?:lab|tests|benchmarks|scripts|docs|targets|dashboards)/[\w./*-]+")


def prose(page: Path) -> str:
    """Return a page without its blocks of code, in which # is no heading and [x](y) is no link."""
    return BLOCK.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """Return the names that links may have after #, as GitHub makes them of headings."""
    headings = re.findall(r"^#+ +(.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", prose(page)):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def paths(page: Path) -> Iterator[str]:
    """Yield each path of the repository that a page names in code; `*` in it stands for anything."""
    text = page.read_text("utf-8")
    for code in [*re.findall(r"`([^`\n]+)`", BLOCK.sub("", text)), *BLOCK.findall(text)]:
        yield from (path.rstrip("./") for path in IN_THE_REPOSITORY.findall(code))


def is_there(path: str) -> bool:
    return any(ROOT.glob(path))


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_paths_of_the_repository_exist(page: Path) -> None:
    assert [path for path in paths(page) if not is_there(path)] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_programs_of_the_repository_exist(page: Path) -> None:
    for module in re.findall(r"python -m ((?:benchmarks|tests)[\w.]*)", page.read_text("utf-8")):
        file = module.rstrip(".").replace(".", "/")
        assert is_there(f"{file}.py") or is_there(f"{file}/__main__.py"), module


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_files_of_code_named_alone_exist(page: Path) -> None:
    """Such as `session.py`, where the page has named the folder before."""
    assert [name for name in re.findall(r"`(\w+\.py)`", prose(page)) if name not in CODE] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_modules_of_lab_exist(page: Path) -> None:
    """`lab.store.find`, or a name in a module: `lab.store.find.latest`."""
    layers = "|".join(path.name for path in (ROOT / "lab").iterdir() if path.is_dir())
    for module in re.findall(rf"`(lab\.(?:{layers})\.[\w.]*\w)`", prose(page)):
        path = module.replace(".", "/")
        holder = path.rpartition("/")[0]
        assert any(is_there(name) for name in (path, f"{path}.py", f"{holder}.py")), module


def test_what_is_looked_for_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A b: c\n`lab/no/such.py` and `compiled/lib/`, lab/in/prose\n```sh\nscripts/none --x\n```\n## d\n"
    )
    assert anchors(page) == {"a-b-c", "d"}
    assert list(paths(page)) == ["lab/no/such.py", "scripts/none"]
    assert [is_there(path) for path in ("lab/no/such.py", "lab/core/*.py", "lab/cli")] == [False, True, True]
