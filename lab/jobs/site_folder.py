"""A folder of pages that is written again and again: each page whole, and no file touched that is somebody else's.

`lab-site.json` in the folder lists the pages that lab wrote, with the digests of what they held. It names a page before
the page is written and forgets it after it is gone, so an interrupted call is finished by the next one. Two calls for
one folder take turns.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.core.atomic import held_folder, sweep_stale, write_json, write_many
from lab.core.disk import write_failure
from lab.core.errors import LabError, StoreError
from lab.core.home import shown
from lab.core.jsonio import parse_json, read_bytes

MANIFEST = "lab-site.json"
FIRST = "index.html"  # written last: what it links to is there by then
PAGE = re.compile(r"(?:[a-z]{1,20}/)?[A-Za-z0-9_][A-Za-z0-9._@+-]{0,180}\.html")
AT_ONCE = 200  # pages that are flushed to the disk together
HINT = "move it away, or choose another folder"

Digests = dict[str, list[str]]


@dataclass(frozen=True)
class Published:
    """How many pages were written, and the names of those of an earlier call: removed, and kept since they changed."""

    written: int
    removed: tuple[str, ...]
    kept: tuple[str, ...]


def publish(folder: Path, pages: Mapping[str, str], note: Callable[[str], None] = lambda text: None) -> Published:
    """Write the pages (by name, as `index.html` or `runs/x.html`) and remove those that an earlier call left.

    While another process writes there it is waited for, which `note` is told.

    Raises:
        StoreError: a page's name is taken by a file that is not lab's, or that was changed since; nothing was written.
    """
    with held_folder(folder, "pages", note):
        return _publish(folder, {name: text.encode("utf-8") for name, text in pages.items()})


def _publish(folder: Path, contents: Mapping[str, bytes]) -> Published:
    mine = _listed(folder)
    _refuse_foreign(folder, contents, mine)
    new = {name: [_digest(content)] for name, content in contents.items()}
    _prepare(folder, contents)
    write_json(folder / MANIFEST, _manifest(_both(mine, new)))
    _write(folder, contents)
    left = sorted(set(mine) - set(new))
    removed = [name for name in left if _removed(folder, name, mine[name])]
    kept = [name for name in left if name not in removed and (folder / name).exists()]
    write_json(folder / MANIFEST, _manifest(new | {name: mine[name] for name in kept}))
    return Published(len(contents), tuple(removed), tuple(kept))


def _listed(folder: Path) -> Digests:
    """The pages of earlier calls; a name that lab gives to no page is not looked at."""
    path = folder / MANIFEST
    if not path.exists() and not path.is_symlink():
        return {}
    try:
        document: Any = parse_json(read_bytes(path, error=StoreError), where=shown(path), error=StoreError)
        files = document["files"]
        return {name: [str(one) for one in digests] for name, digests in files.items() if PAGE.fullmatch(name)}
    except (LabError, KeyError, TypeError, AttributeError) as problem:
        raise StoreError(f"{shown(path)}: not the list of pages that lab keeps there", hint=HINT) from problem


def _refuse_foreign(folder: Path, names: Mapping[str, bytes], mine: Digests) -> None:
    for name in names:
        assert PAGE.fullmatch(name), name
        path = folder / name
        for inner in (path.parent, path):
            if inner != folder and inner.is_symlink():
                raise StoreError(f"{shown(inner)}: a link, which lab did not make", hint=HINT)
        if path.exists() and not _is_mine(path, mine.get(name, [])):
            what = "changed since lab wrote it" if name in mine else "not made by lab"
            raise StoreError(f"{shown(path)}: {what}", hint=HINT)


def _is_mine(path: Path, digests: list[str]) -> bool:
    """Whether it is a plain file that holds what lab wrote there."""
    return not path.is_symlink() and path.is_file() and _digest(path.read_bytes()) in digests


def _prepare(folder: Path, names: Mapping[str, bytes]) -> None:
    for inner in {(folder / name).parent for name in names} | {folder}:
        try:
            inner.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise write_failure(inner, problem) from problem
        sweep_stale(inner)


def _write(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write what is not there as it is already."""
    new = {name: content for name, content in contents.items() if not _is_mine(folder / name, [_digest(content)])}
    rest = [name for name in new if name != FIRST]
    for start in range(0, len(rest), AT_ONCE):
        write_many({folder / name: new[name] for name in rest[start : start + AT_ONCE]})
    if FIRST in new:
        write_many({folder / FIRST: new[FIRST]})


def _removed(folder: Path, name: str, digests: list[str]) -> bool:
    path = folder / name
    if path.parent.is_symlink() or not _is_mine(path, digests):
        return False
    try:
        path.unlink()
    except OSError as problem:
        raise write_failure(path, problem) from problem
    return True


def _both(old: Digests, new: Digests) -> Digests:
    return {name: list(dict.fromkeys([*old.get(name, []), *new.get(name, [])])) for name in {**old, **new}}


def _manifest(files: Digests) -> dict[str, Any]:
    return {"schema": 1, "kind": "lab site", "files": dict(sorted(files.items()))}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
