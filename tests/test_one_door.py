"""Nothing in lab writes to a terminal but by `lab.core.terminal`, and only lab's own console marks text as its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

LAB = Path(__file__).resolve().parents[1] / "lab"
# Programs that lab starts as processes: their stdout is a pipe that lab reads as untrusted bytes.
PROCESSES = {"measure/llama/watch.py", "compile/mlc/probe.py", "devices/qemu/supervise.py"}
DOOR = "core/terminal.py"
MAY = {
    DOOR: {".write"},
    "cli/output.py": {"click.confirm", "click.echo_via_pager", "click.prompt", "Rendered"},
    "views/console.py": {"CleanConsole", "Rendered"},
}
WRITERS = {"print", "Console", "CleanConsole", "Rendered"}
CLICK = {"echo", "secho", "confirm", "prompt", "pause", "style", "progressbar", "echo_via_pager"}
STREAMS = ("stdout", "stderr", "stream", "_stream", "__stdout__", "__stderr__")


def _calls(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name(id=name) if name in WRITERS:
                yield name
            case ast.Attribute(value=ast.Name(id="click"), attr=name) if name in CLICK:
                yield f"click.{name}"
            case ast.Attribute(value=of, attr="write" | "writelines" as name) if _is_stream(of):
                yield f".{name}"
            case ast.Attribute(value=ast.Name(id="os"), attr="write") if _is_terminal(node.args[0]):
                yield "os.write"
            case _:
                pass


def _is_stream(of: ast.expr) -> bool:
    names = [node.id if isinstance(node, ast.Name) else node.attr for node in ast.walk(of) if _named(node)]
    return any(name in STREAMS for name in names)


def _named(node: ast.AST) -> bool:
    return isinstance(node, ast.Name | ast.Attribute)


def _is_terminal(handle: ast.expr) -> bool:
    return isinstance(handle, ast.Constant) and handle.value in (1, 2)


def test_no_writer_goes_around_the_door() -> None:
    found = {
        (path.relative_to(LAB).as_posix(), call)
        for path in LAB.rglob("*.py")
        for call in _calls(ast.parse(path.read_text("utf-8")))
    }
    around = {(place, call) for place, call in found if place not in PROCESSES and call not in MAY.get(place, set())}
    assert around == set()
    assert {(DOOR, ".write"), ("views/console.py", "CleanConsole")} <= found  # the walk sees what there is


def test_the_walk_sees_every_kind_of_writer() -> None:
    lines = [
        "print('x')",
        "sys.stdout.write('x')",
        "sys.stderr.buffer.write(b'x')",
        "self._stream.writelines([])",
        "click.echo('x')",
        "click.secho('x')",
        "Console(file=x).print('x')",
        "os.write(2, b'x')",
        "Rendered('x')",
    ]
    assert [len(set(_calls(ast.parse(line)))) for line in lines] == [1] * len(lines)
