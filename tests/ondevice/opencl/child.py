"""One process of the plug-in's tests: loads it and the kernels, runs the code on its standard input, prints JSON.

`python -m tests.ondevice.opencl.child PLUGIN KERNELS OPTIONS`, or without words: then it serves one request after the
other (see warm.py), each in a fork of its own, so that TVM is imported once and the device opened each time.

The code finds `F` (TVM's functions by name), `opened` (what opening gave, with OPTIONS, or its error), `dev`,
`kernels`, `empty`, `put`, `stats`, `np`, `tvm`, and `error`, which returns what a call raises. It ends with `out(...)`,
whose values are printed.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
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


def run(plugin: str, library: str, options: str, code: str) -> None:
    """Open the device and run the code."""
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
    exec(compile(code, "test", "exec"), names)
    print(json.dumps(answers))


def serve() -> None:
    """Fork for each line of JSON on standard input: `argv`, `env`, `code` and `folder`, for both outputs.

    Prints the exit code. The fork ends as a process of its own would, with all that Python and TVM do at the end.
    """
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.environ.clear()
            os.environ.update(request["env"])
            for handle, name in ((1, "out"), (2, "err")):
                os.dup2(os.open(Path(request["folder"]) / name, os.O_WRONLY | os.O_CREAT), handle)
            run(*request["argv"], request["code"])
            return
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    run(*sys.argv[1:], sys.stdin.read()) if sys.argv[1:] else serve()
