"""A folder of pages: whole pages, and nobody else's files."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from lab.core import atomic
from lab.core.errors import LabError, StoreError
from lab.jobs import site_folder
from lab.jobs.site_folder import MANIFEST, publish

PAGES = {"index.html": "first", "runs/a.html": "a", "runs/b.html": "b"}


def there(folder: Path) -> dict[str, str]:
    """Every file below the folder but the list of pages."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files if path.name != MANIFEST}


def test_pages_are_written_replaced_and_removed(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "site"
    assert publish(folder, PAGES).written == 3
    assert there(folder) == PAGES
    done = publish(folder, {"index.html": "second", "runs/a.html": "a"})
    assert (done.removed, done.kept) == (("runs/b.html",), ())
    assert there(folder) == {"index.html": "second", "runs/a.html": "a"}
    assert set(json.loads((folder / MANIFEST).read_text())["files"]) == {"index.html", "runs/a.html"}


def test_files_of_others_are_neither_removed_nor_replaced(tmp_path: Path) -> None:
    publish(tmp_path, PAGES)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "runs" / "mine.html").write_text("mine")
    (tmp_path / "runs" / "b.html").write_text("edited")
    done = publish(tmp_path, {"index.html": "first"})
    assert (done.removed, done.kept) == (("runs/a.html",), ("runs/b.html",))
    assert there(tmp_path) == {
        "index.html": "first",
        "notes.txt": "mine",
        "runs/mine.html": "mine",
        "runs/b.html": "edited",
    }
    before = there(tmp_path)
    with pytest.raises(StoreError, match=r"runs/mine\.html: not made by lab"):
        publish(tmp_path, {"index.html": "third", "runs/mine.html": "theirs"})
    with pytest.raises(StoreError, match=r"runs/b\.html: changed since lab wrote it"):
        publish(tmp_path, {"index.html": "third", "runs/b.html": "new"})
    assert there(tmp_path) == before


def test_two_writers_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second comes while the first is half done: it waits, says so, and then what it wrote is there as a whole."""
    notes: list[str] = []
    second = {"index.html": "second", "runs/c.html": "c"}
    other = threading.Thread(target=lambda: publish(tmp_path, second, notes.append))
    written = site_folder.write_many

    def slowly(files: dict[Path, bytes]) -> None:
        monkeypatch.setattr(site_folder, "write_many", written)
        written(files)
        other.start()
        other.join(0.3)
        assert other.is_alive()

    monkeypatch.setattr(site_folder, "write_many", slowly)
    assert publish(tmp_path, PAGES).written == 3
    other.join()
    assert ["another lab writes pages there" in note for note in notes] == [True]
    assert there(tmp_path) == second
    assert publish(tmp_path, PAGES).removed == ("runs/c.html",)  # and nothing looks as if somebody had changed it
    assert there(tmp_path) == PAGES


def test_a_page_that_was_changed_is_not_replaced(tmp_path: Path) -> None:
    publish(tmp_path, PAGES)
    (tmp_path / "index.html").write_text("edited")
    with pytest.raises(StoreError, match=r"index\.html: changed since lab wrote it"):
        publish(tmp_path, PAGES)


def test_links_are_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.html").write_text("a")
    site = tmp_path / "site"
    publish(site, PAGES)
    for name in ("a.html", "b.html"):
        (site / "runs" / name).unlink()
    (site / "runs").rmdir()
    (site / "runs").symlink_to(elsewhere)
    publish(site, {"index.html": "first"})
    assert (elsewhere / "a.html").exists()
    with pytest.raises(StoreError, match="a link, which lab did not make"):
        publish(site, PAGES)


@pytest.mark.parametrize("text", ["{", "[]", '{"files": []}', '{"files": {"index.html": 1}}', "\x00"])
def test_a_list_that_is_none_is_not_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(StoreError, match=r"lab-site\.json: not the list of pages"):
        publish(tmp_path, PAGES)
    assert (tmp_path / MANIFEST).read_text() == text


def test_a_forged_list_removes_nothing_outside(tmp_path: Path) -> None:
    outside = tmp_path / "x.html"
    outside.write_text("mine")
    site = tmp_path / "site"
    digest = site_folder._digest(b"mine")
    names = ["../x.html", str(outside), "runs/../../x.html", "a/b/x.html", ".x.html"]
    site.mkdir()
    (site / MANIFEST).write_text(json.dumps({"files": {name: [digest] for name in names}}))
    publish(site, PAGES)
    assert outside.read_text() == "mine"


def test_what_was_interrupted_is_finished_by_the_next_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path, PAGES)
    written = atomic.write_many
    monkeypatch.setattr(site_folder, "AT_ONCE", 1)

    def once(files: dict[Path, bytes]) -> None:
        if (tmp_path / "runs" / "c.html").exists():
            raise KeyboardInterrupt
        written(files)

    new = {"runs/c.html": "c", "runs/d.html": "d", "index.html": "second"}
    with monkeypatch.context() as patched:
        patched.setattr(site_folder, "write_many", once)
        with pytest.raises(KeyboardInterrupt):
            publish(tmp_path, new)
    assert there(tmp_path) == {**PAGES, "runs/c.html": "c"}  # old and new ones, each whole
    publish(tmp_path, new)
    assert there(tmp_path) == new


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "site").write_text("a file")
    with pytest.raises(LabError, match="site"):
        publish(tmp_path / "site", PAGES)
    assert (tmp_path / "site").read_text() == "a file"
