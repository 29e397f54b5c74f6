"""Says which mlc_llm a Python has, as JSON; run by that Python (3.9 or newer), which has no lab.

Nothing of mlc_llm is imported, which would take seconds. The digest is over the Python sources of mlc_llm and of
its TVM and the sizes of their libraries, because a build from source calls every state of them by one version.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import runpy
import sys
from pathlib import Path

LIBRARIES = (".so", ".dylib", ".dll")


def main() -> None:
    """Print {"version", "digest"}, or {"missing"} where this Python has no mlc_llm."""
    sys.path.pop(0)  # the folder of this file: its modules are not meant for others
    roots = [_root(name) for name in ("mlc_llm", "tvm")]
    if roots[0] is None:
        print(json.dumps({"missing": "mlc_llm"}))
        return
    version = runpy.run_path(str(roots[0] / "libinfo.py"))["__version__"]
    print(json.dumps({"version": version, "digest": _digest([root for root in roots if root])}))


def _root(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None


def _digest(roots: list[Path]) -> str:
    state = hashlib.sha256()
    for root in roots:
        for path in sorted(root.rglob("*.*")):
            said = path.read_bytes() if path.suffix == ".py" else str(path.stat().st_size).encode()
            if path.suffix in (".py", *LIBRARIES):
                state.update(f"{root.name}/{path.relative_to(root)} {hashlib.sha256(said).hexdigest()}\n".encode())
    return state.hexdigest()


if __name__ == "__main__":
    main()
