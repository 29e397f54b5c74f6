"""Where a peer's llama-bench is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lab.core.errors import MeasureError
from lab.measure.llama.peer import Peer


def find_llama_bench(peer: Peer, suffix: str = "") -> Path:
    """Return the program that the peer's variable names, else the one on PATH; MeasureError when there is none.

    `suffix` is of another build, "_AVX2": only the variable with that at its end counts.
    """
    variable = peer.variable + suffix
    named = os.environ.get(variable)
    found = shutil.which(named or ("" if suffix else peer.program))
    if found is not None:
        return Path(found).absolute()
    option = f" --{suffix.strip('_').lower()}" if suffix else ""
    hint = f"{peer.build}{option} builds one and says where it is; then set {variable} to it (docs/peers.md)"
    if named:
        raise MeasureError(f"{variable} is {named!r}, which is no program that can be started", hint=hint)
    on_path = "" if suffix else f", and no program {peer.program} is on PATH"
    raise MeasureError(f"engine {peer.name} needs its llama-bench: {variable} is not set{on_path}", hint=hint)
