"""What the runner refuses, and what it says then."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.core.proc import run
from lab.ondevice.run_log import read_run
from tests.ondevice.conftest import Bench, Stub, there

Edit = Callable[[dict[str, Any]], object]
Changed = Callable[[Edit], Path]


def error_of(bench: Bench, bundle: Path, *words: str, **sizes: int) -> tuple[str, str]:
    done = bench.run(bundle, *words, **sizes)
    assert done.code == 1, done.stdout
    error = there(read_run(done.stdout.splitlines()).error)
    return error.where, error.message


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "which verb"),
        (["walk"], "unknown verb 'walk'"),
        (["run"], "--bundle is required"),
        (["run", "--bundle"], "--bundle needs a value"),
        (["run", "--bundle", "x", "--promt", "3"], "unknown option '--promt'"),
        (["run", "--bundle", "x", "--bundle", "y"], "--bundle is given twice"),
        (["run", "x"], "unexpected argument 'x'"),
        (["run", "--bundle", "x", "--runtime", "y", "--prompt", "0"], "--prompt must be a whole number from 1"),
        (["run", "--bundle", "x", "--runtime", "y", "--prompt", "4x"], "not '4x'"),
        (["run", "--bundle", "x", "--runtime", "y", "--prompt", ""], "not ''"),
        (["run", "--bundle", "x", "--runtime", "y", "--prompt", "99999999999999999999"], "--prompt must be"),
        (["bandwidth", "--threads", "-1"], "--threads must be"),
        (["bandwidth", "--bytes", "12"], "--bytes must be"),
        (["info"], "--runtime is required"),
    ],
)
def test_bad_command_lines_are_said_on_stderr_with_code_2(bench: Bench, words: list[str], said: str) -> None:
    done = bench.call(*words)
    assert (done.code, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--context", "8"], "--context 8 is less than depth + prompt + generate = 9"),
        (["--warmup-spread", "nan"], "--warmup-spread must be a number"),
        (["--warmup-spread", "-1"], "--warmup-spread must be a number"),
    ],
)
def test_options_that_do_not_fit_together(bench: Bench, stub: Stub, words: list[str], said: str) -> None:
    done = bench.run(stub.folder, *words)
    assert done.code == 2
    assert said in done.stderr


def test_a_missing_cpu_feature_is_named_before_the_library_is_opened(bench: Bench, changed: Changed) -> None:
    def ask(manifest: dict[str, Any]) -> None:
        manifest["target"]["required_features"] = ["sse2", "amx_wonder", "avx9000"]

    folder = changed(ask)
    (folder / "model.so").write_bytes(b"not a library: opening it would be another error")
    where, message = error_of(bench, folder)
    assert where == "cpu"
    assert "lacks amx_wonder, avx9000" in message


def _set(*path: Any) -> Edit:
    *keys, last, value = path

    def edit(manifest: Any) -> None:
        for key in keys:
            manifest = manifest[key]
        manifest[last] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "where", "said"),
    [
        (_set("schema", 2), "manifest", "schema is not 1"),
        (_set("kind", "weights"), "manifest", "is no bundle's manifest"),
        (lambda m: m.pop("tensors"), "manifest", "has no key 'tensors'"),
        (_set("model", "vocab_size", "131"), "manifest", ".model.vocab_size: must be a whole number"),
        (_set("model", "vocab_size", 0), "manifest", ".model.vocab_size: must be a whole number, 1 or more"),
        (_set("tensors", 1, "shape", 0, -64), "manifest", ".tensors[1].shape[0]: must be"),
        (_set("tensors", 1, "shape", 0, 2**62), "weights", "layers.0.ln1.weight"),
        (_set("tensors", 1, "offset", 2**62), "weights", "do not fit"),
        (_set("tensors", 1, "offset", 4100), "weights", "do not fit"),
        (_set("tensors", 1, "dtype", "float99x"), "weights", "layers.0.ln1.weight"),
        (_set("tensors", 1, "name", "something.else"), "library", "parameter 1: the library wants layers.0.ln1"),
        (lambda m: m["tensors"].pop(), "library", "the weights have nothing"),
        (_set("files", []), "manifest", "weights.bin is not listed"),
        (_set("model", "context_max", 8), "manifest", "a context of 9 tokens is more than the model's 8"),
        (_set("verify", "logit_ids", 0, 131), "manifest", "token id 131 is past the vocabulary"),
        (_set("verify", "logits", []), "manifest", "one logit for each logit id"),
        (_set("model", "vocab_size", 130), "manifest", "token id 130 is past the vocabulary"),
    ],
)
def test_manifests_that_cannot_be_true(bench: Bench, changed: Changed, edit: Edit, where: str, said: str) -> None:
    found, message = error_of(bench, changed(edit))
    assert found == where
    assert said in message


def test_verify_without_reference_values(bench: Bench, changed: Changed) -> None:
    done = bench.run(changed(lambda manifest: manifest.pop("verify")), "--verify")
    assert done.code == 1
    assert "the manifest has no reference logits" in done.stdout


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"schema": 1', "\x00"])
def test_manifests_that_are_no_json(bench: Bench, changed: Changed, text: str) -> None:
    folder = changed(lambda manifest: None)
    (folder / "manifest.json").write_text(text)
    assert error_of(bench, folder)[0] == "manifest"


def test_messages_survive_any_path(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / 'a "quoted"\\ ñ\n\x01 name'
    assert error_of(bench, folder)[1] == f"{folder}/manifest.json: cannot be read"


def test_no_bundle_at_all(bench: Bench, tmp_path: Path) -> None:
    assert error_of(bench, tmp_path / "nowhere") == (
        "manifest",
        f"{tmp_path}/nowhere/manifest.json: cannot be read",
    )


@pytest.mark.parametrize("cut", [1, 300_000])
def test_truncated_weights_are_refused_rather_than_a_bus_error(bench: Bench, changed: Changed, cut: int) -> None:
    folder = changed(lambda manifest: None)
    data = (folder / "weights.bin").read_bytes()
    (folder / "weights.bin").write_bytes(data[:-cut])
    where, message = error_of(bench, folder)
    assert where == "weights"
    assert f"{len(data) - cut} bytes, but the manifest says {len(data)}" in message


def test_a_library_that_is_none(bench: Bench, changed: Changed) -> None:
    folder = changed(lambda manifest: None)
    (folder / "model.so").write_bytes(b"ELF it is not")
    where, message = error_of(bench, folder)
    assert where == "library"
    assert "model.so" in message


def test_a_library_without_a_model(bench: Bench, changed: Changed) -> None:
    folder = changed(lambda manifest: None)
    empty = ["-shared", "-x", "c", "/dev/null", "-o", str(folder / "model.so")]
    run([sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-gnu.2.28", *empty], timeout_s=120, check=True)
    where, message = error_of(bench, folder)
    assert where == "library"
    assert "vm_load_executable" in message


def test_an_error_inside_the_engine_is_an_event(bench: Bench, changed: Changed) -> None:
    def transpose(manifest: dict[str, Any]) -> None:
        manifest["tensors"][0]["shape"] = [64, 131]

    where, message = error_of(bench, changed(transpose))
    assert where == "embed"
    assert "Error" in message


def test_chunks_longer_than_the_library_takes(bench: Bench, stub: Stub) -> None:
    where, message = error_of(bench, stub.folder, "--prefill-chunk", "300", prompt=300)
    assert (where, message) == ("library", "takes 256 tokens at a time, not 300")


@pytest.mark.parametrize(
    ("text", "said"), [("1 2 3", "3 ids, but"), ("1 2 3 131 4", "'131' is no"), ("1 x", "'x' is no")]
)
def test_ids_that_cannot_be_fed(bench: Bench, stub: Stub, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "ids").write_text(text)
    where, message = error_of(bench, stub.folder, "--ids", str(tmp_path / "ids"))
    assert where == "ids"
    assert said in message


def test_a_dump_that_cannot_be_written(bench: Bench, stub: Stub, tmp_path: Path) -> None:
    where, message = error_of(bench, stub.folder, "--dump-logits", str(tmp_path / "no" / "folder"))
    assert (where, message) == ("dump-logits", f"{tmp_path}/no/folder: cannot be written")


def test_a_runtime_that_is_not_there(bench: Bench, stub: Stub, tmp_path: Path) -> None:
    done = bench.call(
        "run", "--bundle", str(stub.folder), "--runtime", str(tmp_path / "none.so"), "--prompt", "1", "--generate", "1"
    )
    assert done.code == 1
    error = there(read_run(done.stdout.splitlines()).error)
    assert error.where == "runtime"
    assert "none.so" in error.message
