"""The RSA keys that a phone knows this user by: those of the adb program, or one made for both."""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.core.errors import ConfigError


@dataclass(frozen=True)
class Key:
    """One private key, as a phone asks for it: a signature of its token, or the public half to be allowed."""

    path: Path
    signer: Any

    def sign(self, token: bytes) -> bytes:
        """Return the signature of a phone's 20 bytes."""
        signature: bytes = self.signer.Sign(token)
        return signature

    def public(self) -> bytes:
        """Return the public half in Android's format, with the user's name for the question on the screen.

        It is computed, and never read from the .pub file, which may be missing or another key's.
        """
        from adb_shell.auth.keygen import encode_pubkey, get_user_info

        packed: bytes = base64.b64encode(encode_pubkey(str(self.path)))
        user: str = get_user_info()
        return packed + user.encode()


def load_keys(note: Callable[[str], None] | None = None) -> list[Key]:
    """Return the user's key (made now, if there is none) and those in $ADB_VENDOR_KEYS that can be used.

    One of the latter that cannot is left out, and `note` gets a line on it: the phone may take another.

    Raises:
        ConfigError: a key of the user's that others may read, that is no key, or that cannot be made.
    """
    own = Path.home() / ".android" / "adbkey"
    if not own.exists():
        _make(own)
    return [_load(own), *(key for path in dict.fromkeys(_vendor_keys()) if path != own for key in _usable(path, note))]


def _usable(path: Path, note: Callable[[str], None] | None) -> list[Key]:
    try:
        return [_load(path)]
    except ConfigError as problem:
        if note is not None:
            note(f"ADB_VENDOR_KEYS: left out: {problem.what}")
        return []


def _vendor_keys() -> list[Path]:
    named = [Path(part) for part in os.environ.get("ADB_VENDOR_KEYS", "").split(os.pathsep) if part]
    return [key for path in named for key in (sorted(path.glob("*.adb_key")) if path.is_dir() else [path])]


def _load(path: Path) -> Key:
    from adb_shell.auth.sign_pythonrsa import PythonRSASigner

    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"{path}: others may read this private key", hint=f"chmod 600 {path}")
        return Key(path, PythonRSASigner(priv=path.read_bytes()))
    except OSError as problem:
        raise ConfigError(f"{path}: cannot read this adb key: {problem.strerror}") from problem
    except ConfigError:
        raise
    except Exception as problem:  # rsa's, pyasn1's and ours, in any mixture
        hint = "move it away and a new one is made; phones then ask again"
        raise ConfigError(f"{path}: this is no adb key (RSA, PKCS #8, in PEM)", hint=hint) from problem


def _make(path: Path) -> None:
    """Make a key pair whole or not at all; another process that was first wins."""
    from adb_shell.auth.keygen import keygen

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".lab-tmp-", dir=path.parent) as folder:  # made with mode 0700
            fresh = Path(folder) / path.name
            keygen(str(fresh))
            fresh.chmod(0o600)
            with suppress(FileExistsError):
                path.hardlink_to(fresh)
                fresh.with_name(f"{path.name}.pub").replace(path.with_name(f"{path.name}.pub"))
    except OSError as problem:
        raise ConfigError(f"{path}: cannot make an adb key: {problem.strerror}") from problem
