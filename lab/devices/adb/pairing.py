"""What a person types to pair with a phone, checked before it goes to a program."""

from __future__ import annotations

import re

from lab.core.errors import UsageError
from lab.core.text import said

ADDRESS = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.%a-z]+\]):([0-9]{1,5})")
CODE = re.compile(r"[0-9]{6}")


def check_address(address: str) -> str:
    """Return the host of host:port; UsageError for anything else."""
    found = ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found[2]) < 65_536:
        hint = "the phone shows both under 'Pair device with pairing code'"
        raise UsageError(f"{said(address)!r} is not HOST:PORT", hint=hint)
    return found[1]


def check_code(code: str) -> str:
    """Return the code; UsageError when it is not six digits."""
    if CODE.fullmatch(code.strip()) is None:
        raise UsageError("a pairing code has six digits", hint="the phone shows it with HOST:PORT")
    return code.strip()
