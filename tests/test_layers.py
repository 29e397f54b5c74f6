"""The house keeps its layers: who may import whom, and what starting `lab` may cost."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Container, Iterator
from fnmatch import fnmatch
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from lab.models.families import FAMILIES

LAB = Path(__file__).resolve().parents[1] / "lab"

# From the top down: a layer imports from itself and from those that come after it.
LAYERS = [
    "cli",
    "views",
    "plot",
    "jobs",
    "analysis",
    "measure",
    "devices",
    "ondevice",
    "compile",
    "models",
    "store",
    "formats",
    "core",
]
# Neither imports the other, whatever the order. What builds, runs and carries knows nothing of recorded runs.
STRANGERS = [
    {"analysis", "measure"},  # the bench and the judges meet at recorded runs alone
    {"compile", "devices"},
    {"compile", "measure"},
    {"compile", "store"},
    {"devices", "store"},
    {"models", "store"},
    {"ondevice", "store"},
]

# Third-party module -> the files that may import it. What is not here may not be imported at all.
THIRD_PARTY = {
    "adb_shell": ["devices/adb/*"],
    "PIL": ["models/*/image_file.py"],
    "alembic": ["store/sql/*"],
    "asyncssh": ["devices/ssh/*"],
    "click": ["cli/*"],
    "gguf": ["models/gguf_*.py", "models/*/gguf.py"],
    "lief": ["compile/metal/*", "ondevice/*"],
    "matplotlib": ["plot/*"],
    "numpy": [f"{layer}/*" for layer in LAYERS if layer not in ("store", "formats", "core")],
    "pandas": ["analysis/*", "views/*", "plot/*"],
    "psycopg": ["store/sql/*"],
    "pyarrow": ["analysis/*", "store/archive_file.py"],
    "rich": ["views/*", "cli/*"],
    "safetensors": ["models/*"],
    "scipy": ["analysis/judging/*"],
    "sqlalchemy": ["store/sql/*"],
    "textual": ["views/*", "cli/*"],
    "tomlkit": ["formats/acks.py"],
    "torch": ["models/torch_reference.py", "models/*/torch_network.py"],
    "transformers": ["models/torch_reference.py", "models/*/torch_network.py"],
    "tvm": ["compile/*", "models/ops.py", "models/*/network.py"],
    "tvm_ffi": ["compile/*", "ondevice/*"],
    "ziglang": ["compile/*", "ondevice/*"],
}

# The folders of families below lab/models: the table names them by strings, and nothing else imports them.
FOLDERS = {target.split(".")[2] for target in FAMILIES.values()}
# A family whose network is another's with more around it: the folder of the first may import that of the second.
BUILT_ON = {"tinygpt_v": "phi2"}

HEAVY = [
    "PIL",
    "adb_shell",
    "alembic",
    "asyncssh",
    "gguf",
    "lief",
    "matplotlib",
    "numpy",
    "pandas",
    "psycopg",
    "pyarrow",
    "rich",
    "safetensors",
    "sqlalchemy",
    "textual",
    "tomlkit",
    "torch",
    "transformers",
    "tvm",
    "tvm_ffi",
]


def imported_modules(path: Path, package: str) -> Iterator[str]:
    """Every module that the file imports, wherever in it: in functions and for type checking too.

    `from a import b` gives `a.b`, which may be a name in `a` as well as a module.
    """
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from _from_import(node, package)
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            yield from (arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant))


def _from_import(node: ast.ImportFrom, package: str) -> Iterator[str]:
    parts = package.split(".")
    base = ".".join(parts[: len(parts) + 1 - node.level]) if node.level else ""
    module = ".".join(part for part in (base, node.module) if part)
    yield from (f"{module}.{alias.name}" for alias in node.names)


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def violations(root: Path) -> list[str]:
    """Every import below `root` (a folder called lab) that breaks the rules, as `file: module`."""
    found = []
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root)
        package = ".".join(("lab", *inside.parts[:-1]))
        for module in imported_modules(path, package):
            if not allowed(inside, module):
                found.append(f"{inside}: {module}")
    return found


def allowed(inside: Path, module: str) -> bool:
    """Whether the file at `inside` lab/ may import `module`."""
    top, _, rest = module.partition(".")
    if top == "lab" and rest.startswith("models.") and not allowed_family(inside, rest):
        return False
    if top == "lab":
        return allowed_layer(inside.parts[0], rest.split(".")[0])
    if top in sys.stdlib_module_names:
        return True
    return any(fnmatch(str(inside), pattern) for pattern in THIRD_PARTY.get(top, []))


def allowed_family(inside: Path, module: str) -> bool:
    """Whether the file may import lab.`module`: of a family's folder only itself does, and others by the table."""
    folder = Path(*module.split(".")[:2])
    builds_on_it = len(inside.parts) > 2 and BUILT_ON.get(inside.parts[1]) == folder.parts[1]
    return folder.parts[1] not in FOLDERS or folder in inside.parents or builds_on_it


def allowed_layer(importer: str, imported: str) -> bool:
    """Whether the layer `importer` may import from the layer `imported`."""
    if imported == "version":
        return True
    if importer not in LAYERS or imported not in LAYERS:
        # lab/__main__.py starts the command line; lab/__init__.py holds what Python programs call: it opens the store,
        # runs and compiles when it is asked to. Nothing imports it back: its version is a file of its own.
        notebooks = importer == "__init__.py" and imported in ("analysis", "jobs", "compile", "plot", "views")
        return importer == "__main__.py" or notebooks
    if {importer, imported} in STRANGERS:
        return False
    return LAYERS.index(importer) <= LAYERS.index(imported)


def circle(root: Path) -> list[str]:
    """Return the modules below `root` of one circle of imports, the first one again at the end; empty without any."""
    paths = {".".join(("lab", *path.relative_to(root).with_suffix("").parts)): path for path in root.rglob("*.py")}
    files = {name.removesuffix(".__init__"): path for name, path in paths.items()}
    try:
        TopologicalSorter({name: _imports(name, path, files) for name, path in files.items()}).prepare()
    except CycleError as problem:
        found: list[str] = problem.args[1]
        return found
    return []


def _imports(name: str, path: Path, files: Container[str]) -> set[str]:
    """Return which of the files a file imports, late ones too: of `from a import b` that is a.b, or else a."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    modules = {one if one in files else one.rpartition(".")[0] for one in imported_modules(path, package)}
    return {one for one in modules if one in files and one != name}


def test_every_folder_of_code_is_a_layer() -> None:
    folders = {path.parent.relative_to(LAB).parts[0] for path in LAB.glob("*/**/*.py")}
    assert folders == set(LAYERS)


def test_imports_keep_the_layers() -> None:
    assert violations(LAB) == []


def test_only_the_command_line_imports_the_command_line() -> None:
    """Benchmarks call jobs. One of them throws random arguments at the command line, which is its subject."""
    root = LAB.parent / "benchmarks"
    imports = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        for module in imported_modules(path, "benchmarks")
        if module.startswith("lab.cli")
    }
    assert imports == {"fuzz/commands.py"}


def test_no_file_imports_itself_by_a_detour() -> None:
    assert circle(LAB) == []


@pytest.mark.parametrize("late", ["if TYPE_CHECKING:\n    {}", "def f():\n    {}", "{}"])
@pytest.mark.parametrize(
    "back", ["from lab.core.a import A", "import lab.core.a", "from . import a", "from lab.core import a"]
)
def test_a_circle_is_found_wherever_and_however_it_is_closed(tmp_path: Path, late: str, back: str) -> None:
    root = tmp_path / "lab"
    (root / "core").mkdir(parents=True)
    (root / "core/a.py").write_text("from lab.core.b import B")
    (root / "core/b.py").write_text("from lab.core import c")
    (root / "core/c.py").write_text("import lab.core.d")
    assert circle(root) == []
    (root / "core/c.py").write_text(late.format(back))
    assert set(circle(root)) == {"lab.core.a", "lab.core.b", "lab.core.c"}


def test_a_circle_through_the_package_itself_is_found(tmp_path: Path) -> None:
    root = tmp_path / "lab"
    (root / "jobs").mkdir(parents=True)
    (root / "__init__.py").write_text("def run():\n    from lab.jobs.api import run")
    (root / "jobs/api.py").write_text("import json")
    assert circle(root) == []
    (root / "jobs/api.py").write_text("from lab import __version__")
    assert set(circle(root)) == {"lab", "lab.jobs.api"}


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("core/x.py", "import lab.models"),
        ("core/x.py", "import lab"),
        ("compile/x.py", "from lab import __version__"),
        ("core/x.py", "import numpy"),
        ("core/x.py", "from ..views import tables"),
        ("core/x.py", "from lab import analysis"),
        ("models/x.py", "def f():\n    from lab.compile import build"),
        ("models/x.py", "def f():\n    import tvm"),
        ("models/catalog.py", "import torch"),
        ("models/deep/x.py", "from ...compile.build import build_library"),
        ("compile/x.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import lab.measure.plan"),
        ("measure/x.py", "import lab.compile.build"),
        ("devices/x.py", "import importlib\nimportlib.import_module('lab.compile.build')"),
        ("measure/x.py", "import pandas"),
        ("analysis/x.py", "from rich.table import Table"),
        ("views/x.py", "import click"),
        ("views/x.py", "__import__('lab.cli')"),
        ("views/x.py", "import matplotlib"),
        ("plot/x.py", "from rich.table import Table"),
        ("cli/x.py", "import requests"),
        ("jobs/x.py", "import click"),
        ("jobs/x.py", "from rich.text import Text"),
        ("jobs/deep/x.py", "from lab.cli.output import warn"),
        ("jobs/x.py", "from lab.views.progress import progress_on"),
        ("analysis/x.py", "from lab.jobs.run import run_wanted"),
        ("cli/x.py", "import tvm.relax"),
        ("__init__.py", "from lab.measure import plan"),
        ("core/x.py", "import pyarrow.parquet"),
        ("core/deep/x.py", "import lab.formats.target"),
        ("formats/x.py", "from lab import store"),
        ("formats/x.py", "import sqlalchemy"),
        ("store/x.py", "import numpy"),
        ("analysis/x.py", "from lab.measure.plan import Plan"),
        ("measure/x.py", "import lab.analysis.run.summary"),
        ("store/x.py", "import lab.models.quant"),
        ("models/x.py", "import lab.store.find"),
        ("compile/x.py", "from lab import store"),
        ("compile/x.py", "from lab.models.phi3.config import Phi3Config"),
        ("models/catalog.py", "import lab.models.phi3.presets"),
        ("models/decoder/x.py", "def f():\n    from lab.models.phi3 import hf"),
        ("devices/x.py", "from lab.store import runs"),
        ("ondevice/x.py", "import lab.store"),
    ],
)
def test_the_walk_finds_what_it_looks_for(tmp_path: Path, file: str, code: str) -> None:
    path = tmp_path / "lab" / file
    path.parent.mkdir(parents=True)
    path.write_text(code)
    assert len(violations(tmp_path / "lab")) == 1


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("core/x.py", "import json\nfrom lab.version import __version__\nfrom . import errors"),
        ("models/phi3/x.py", "from lab.models.phi3.config import Phi3Config\nfrom lab.models.decoder import tensors"),
        ("models/phi3/network.py", "from tvm.relax.frontend import nn\nimport numpy as np"),
        ("compile/cpu/kernels/x.py", "import tvm\nfrom lab.models.quant import SCHEMES"),
        ("cli/verbs/x.py", "import click\nfrom lab.measure.plan import Plan\nfrom ..app import app"),
        ("__main__.py", "from lab.cli import entry"),
        ("views/x.py", "from lab.jobs.clean import Removable"),
        ("jobs/x.py", "import numpy\nfrom lab.analysis.compare.gate import Gate\nfrom lab.measure.plan import Plan"),
        ("store/x.py", "from lab import store\nfrom lab.formats import run_record"),
        ("measure/x.py", "from lab import store\nfrom lab.formats.metrics import METRICS"),
        ("__init__.py", "def open():\n    from lab.analysis.opened import opened"),
        ("__init__.py", "def run():\n    from lab.jobs.api import run"),
    ],
)
def test_the_walk_passes_what_is_allowed(tmp_path: Path, file: str, code: str) -> None:
    path = tmp_path / "lab" / file
    path.parent.mkdir(parents=True)
    path.write_text(code)
    assert violations(tmp_path / "lab") == []


@pytest.mark.parametrize("module", ["lab", "lab.cli", "lab.cli.main"])
def test_starting_lab_imports_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_core_alone_needs_only_the_standard_library() -> None:
    paths = sorted(path.relative_to(LAB.parent) for path in (LAB / "core").rglob("*.py"))
    code = f"import {', '.join('.'.join(path.with_suffix('').parts).removesuffix('.__init__') for path in paths)}"
    # -S leaves site-packages out: nothing third-party can be found.
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, cwd=LAB.parent)
    assert done.returncode == 0, done.stderr


def test_core_has_nothing_third_party_in_it_even_where_it_is_imported_late() -> None:
    outside = {
        module.partition(".")[0]
        for path in (LAB / "core").rglob("*.py")
        for module in imported_modules(path, ".".join(("lab", *path.relative_to(LAB).parts[:-1])))
    }
    assert outside - {"lab"} <= set(sys.stdlib_module_names)
