"""Names that become file names: which ones are safe."""

from __future__ import annotations

import re

from lab.core.errors import ConfigError, LabError

SAFE_NAME = r"[a-z0-9][a-z0-9._-]{0,99}"
MODEL_LABEL = r"[a-z0-9][a-z0-9._-]{0,99}(@[1-9][0-9]{0,3}l)?"
RUN_ID = r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}"
SHA256 = r"[0-9a-f]{64}"
UTC_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"


def is_plain_file_name(name: str) -> bool:
    """Whether `name` names a file in its own folder and nowhere else."""
    return bool(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,199}", name)) and ".." not in name


def check_name(kind: str, name: str, error: type[LabError] = ConfigError) -> None:
    """Raise `error` when `name` cannot safely be part of a path."""
    if not re.fullmatch(SAFE_NAME, name):
        raise error(
            f"{name!r} cannot be the name of a {kind}",
            hint="use lower-case letters, digits, '.', '_' and '-'; begin with a letter or a digit",
        )
