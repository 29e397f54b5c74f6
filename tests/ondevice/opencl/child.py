"""One process of the plug-in's tests: loads it and the kernels, runs the code on its standard input, prints JSON.

`python -m tests.ondevice.opencl.child PLUGIN KERNELS OPTIONS`. The code finds `F` (TVM's functions by name), `opened`
(what opening gave, with OPTIONS, or its error), `dev`, `kernels`, `empty`, `put`, `stats`, `np`, `tvm`, and `error`,
which returns what a call raises. It ends with `out(...)`, whose values are printed.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import tvm

F = tvm.get_global_func


def empty(shape: Any, dtype: str = "float32") -> Any:
    """A tensor on the device, of whatever was there."""
    return tvm.runtime.empty(tuple(shape), dtype, tvm.device("opencl", 0))


def put(values: Any) -> Any:
    """A tensor on the device with these values."""
    return tvm.runtime.tensor(np.asarray(values), tvm.device("opencl", 0))


def stats() -> dict[str, int]:
    """What the plug-in counted so far."""
    return dict(json.loads(F("lab.opencl.stats")()))


def error(call: Callable[..., Any], *arguments: Any) -> str:
    """The message that a call raises; "" when it raises none."""
    try:
        call(*arguments)
    except Exception as problem:
        return str(problem)
    return ""


def main() -> None:
    """Run the code on standard input."""
    plugin, library, options = sys.argv[1:]
    ctypes.CDLL(plugin, ctypes.RTLD_GLOBAL)
    opened: dict[str, Any] = {}
    try:
        opened.update(json.loads(F("lab.opencl.open")(options)))
    except RuntimeError as problem:
        opened["error"] = str(problem)
    answers: dict[str, Any] = {"opened": opened}
    names = {"tvm": tvm, "np": np, "json": json, "F": F, "opened": opened, "stats": stats, "put": put, "empty": empty}
    names |= {"error": error, "out": answers.update, "dev": tvm.device("opencl", 0)}
    names["kernels"] = tvm.runtime.load_module(library)
    exec(compile(sys.stdin.read(), "test", "exec"), names)
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
