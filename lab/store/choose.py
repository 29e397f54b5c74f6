"""Which store is in use: files, or the database that $LAB_STORE names."""

from __future__ import annotations

import os
from pathlib import Path

from lab.core.errors import StoreError
from lab.core.home import profiles_dir, store_url
from lab.core.suggest import did_you_mean
from lab.core.text import printable
from lab.store.files import FileStore
from lab.store.protocol import Store

SCHEMES = ("postgresql", "postgresql+psycopg")
EXAMPLE = "postgresql://USER@HOST/DATABASE"
OPEN: dict[tuple[str, int], Store] = {}  # (URL, process) -> store: a forked child must not share a connection


def in_use() -> Store:
    """Return the store that everything is written to and read from: $LAB_STORE, else the files of profiles/."""
    url = store_url()
    return opened(url) if url else FileStore(profiles_dir())


def store_at(text: str) -> Store:
    """Return the database of a URL, or the files of a folder that is used like $LAB_HOME."""
    return opened(text) if "://" in text else FileStore(Path(text).expanduser().absolute() / "profiles")


def opened(url: str) -> Store:
    """Return the database at `url`; nothing is asked of it yet. Messages never hold the URL, for its password.

    Raises:
        StoreError: no URL of a database that lab speaks to, or the packages for it are missing.
    """
    scheme, mark, _ = url.partition("://")
    if not mark or scheme not in SCHEMES:
        raise _unknown(scheme if mark else "")
    key = url, os.getpid()
    if key not in OPEN:
        OPEN[key] = _open(url)
    return OPEN[key]


def _open(url: str) -> Store:
    try:
        from lab.store.sql.store import open_store
    except ImportError as problem:
        raise StoreError(
            f"a database as a store needs a package that is missing here: {printable(problem)}",
            hint="pip install 'phi-lab[postgres]', or in a checkout: pip install -e '.[postgres]'",
        ) from problem
    return open_store(url)


def _unknown(scheme: str) -> StoreError:
    hint = f"write it as {EXAMPLE}; without LAB_STORE runs are files"
    if not scheme:
        return StoreError("LAB_STORE is not the URL of a database", hint=hint)
    guess = did_you_mean(scheme, SCHEMES)
    return StoreError(f"{printable(scheme, 60)!r} is not a kind of store that lab knows.{guess}", hint=hint)
