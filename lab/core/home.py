"""Where the data folders are, and where definitions (targets, dashboards) come from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Literal

from lab.core.errors import ConfigError
from lab.core.suggest import unknown

Kind = Literal["targets", "dashboards"]
PACKAGE = Path(__file__).resolve().parents[1]
SEE: dict[Kind, str] = {
    "targets": "`lab targets` lists them",
    "dashboards": "`lab dash --check` lists them",
}
_CHOSEN: ContextVar[Path | None] = ContextVar("home", default=None)


@contextmanager
def using_home(home: Path) -> Iterator[None]:
    """Take `home` for LAB_HOME within the block, and its files for the store."""
    token = _CHOSEN.set(home)
    try:
        yield
    finally:
        _CHOSEN.reset(token)


def store_url() -> str:
    """Return the database that $LAB_STORE names; "" when runs are files."""
    return "" if _CHOSEN.get() is not None else os.environ.get("LAB_STORE", "")


def lab_home() -> Path:
    """Return the folder that holds compiled/, profiles/, targets/: $LAB_HOME, else the working folder.

    ConfigError where it is a file, or lies where we may not look.
    """
    home = (_CHOSEN.get() or Path(os.environ.get("LAB_HOME") or Path.cwd())).expanduser().absolute()
    try:
        is_file = home.exists() and not home.is_dir()
    except OSError as problem:
        raise ConfigError(f"{home}: {problem.strerror}", hint="set LAB_HOME to a folder of your own") from problem
    if is_file:
        raise ConfigError(f"LAB_HOME={home} is not a folder", hint="set LAB_HOME to a folder, or unset it")
    return home


def missing_home() -> str:
    """Return "LAB_HOME=... does not exist" where it is set to a folder that is not there, else ""."""
    home = os.environ.get("LAB_HOME", "")
    if not home or _CHOSEN.get() is not None or lab_home().exists():
        return ""
    return f"LAB_HOME={home} does not exist"


def compiled_dir() -> Path:
    """Return the folder of bundles; it may not exist yet."""
    return lab_home() / "compiled"


def profiles_dir() -> Path:
    """Return the folder of recorded runs; it may not exist yet."""
    return lab_home() / "profiles"


def builtin_dir(kind: Kind) -> Path:
    """Return the folder of built-in definitions: inside the wheel, or at the root of a checkout."""
    packaged = PACKAGE / "builtin" / kind
    return packaged if packaged.is_dir() else PACKAGE.parent / kind


def definitions(kind: Kind) -> dict[str, Path]:
    """Name -> file of every definition, sorted; a user's own file hides the built-in one of its name."""
    found = {path.stem: path for path in _toml_files(builtin_dir(kind))}
    found.update({path.stem: path for path in _toml_files(lab_home() / kind)})
    return dict(sorted(found.items()))


def find_definition(kind: Kind, name: str) -> Path:
    """Return the file that defines `name`; ConfigError with near names when there is none."""
    found = definitions(kind)
    if name in found:
        return found[name]
    one, missing = kind.removesuffix("s"), missing_home()
    raise ConfigError(
        unknown(one, name, found),
        hint=f"{SEE[kind]}; your own is a file {lab_home() / kind}/<name>.toml" + (f" ({missing})" if missing else ""),
    )


def shown(path: object) -> str:
    """Return the path as messages show it: relative when it lies in the working folder; another place as its text."""
    if not isinstance(path, Path):
        return str(path)
    try:
        relative = path.absolute().relative_to(Path.cwd())
    except (ValueError, OSError):
        return str(path)
    return str(relative)


def _toml_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.toml")) if folder.is_dir() else []
