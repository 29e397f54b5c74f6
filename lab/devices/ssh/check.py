"""What can be said of an ssh target before anything is reached."""

from __future__ import annotations

from pathlib import Path

from lab.core.errors import ConfigError
from lab.core.text import said
from lab.formats.target import TargetSpec

PRIVATE = b"PRIVATE KEY"
KEY_MAX_BYTES = 1 << 20


def check(target: TargetSpec) -> str:
    """Return in words which host would be reached; ConfigError for no host, or a key that cannot be used."""
    if not target.ssh.host:
        raise ConfigError(
            f"targets/{target.name}.toml: [ssh].host: missing",
            hint='say which host: host = "board.local", or a Host of ~/.ssh/config',
        )
    if target.ssh.key:
        _check_key(f"targets/{target.name}.toml: [ssh].key", target.ssh.key)
    return f"ssh to {target.ssh.host}"


def key_path(text: str) -> Path:
    """Return the path that `[ssh].key` names; ~ is the home folder."""
    return Path(text).expanduser()


def open_to_others(path: Path) -> str | None:
    """Say what is wrong with the permissions of a private key, if anything is."""
    mode = path.stat().st_mode & 0o777
    return f"others can read it (mode {mode:04o})" if mode & 0o077 else None


def is_private(path: Path) -> bool:
    """Whether the file holds a private key; a public one names a key of the agent."""
    with path.open("rb") as file:
        return PRIVATE in file.read(KEY_MAX_BYTES)


def _check_key(place: str, text: str) -> None:
    try:
        path = key_path(text)
    except RuntimeError:
        raise ConfigError(f"{place}: {text!r}: no such user", hint="begin it with / or ~/") from None
    if not path.is_absolute():
        raise ConfigError(f"{place}: {text!r} is not absolute", hint="begin it with / or ~/")
    try:
        private, wrong = is_private(path), open_to_others(path)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise ConfigError(f"{place}: {said(path)}: {reason}", hint="name a private key that is there") from problem
    if not private:
        raise ConfigError(f"{place}: {path} is not a private key", hint="name the file without .pub")
    if wrong:
        raise ConfigError(f"{place}: {path}: {wrong}", hint=f"chmod 600 {path}")
