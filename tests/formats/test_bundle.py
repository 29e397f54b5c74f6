from __future__ import annotations

import hashlib
import json
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.core.errors import BundleError
from lab.core.fields import encode
from lab.core.progress import Advance
from lab.formats.bundle import file_entry, load_manifest, parse_manifest, verify_files, write_manifest
from lab.formats.manifest import BundleManifest, FileEntry, LibraryManifest, WeightsManifest
from tests.formats.samples import BUNDLE, KEY, LIBRARY, WEIGHTS_FOLDER, changed, copy_of


def put(folder: Path, document: Any) -> Path:
    (folder / "manifest.json").write_text(json.dumps(document))
    return folder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A folder whose files are what its manifest says."""
    (tmp_path / "model.so").write_bytes(b"ELF")
    (tmp_path / "weights.bin").write_bytes(bytes(range(256)) * 24)
    files = tuple(file_entry(tmp_path / name) for name in ("model.so", "weights.bin"))
    return put(tmp_path, {**copy_of(BUNDLE), "files": encode(files)})


@pytest.mark.parametrize(
    ("kind", "document", "cls"),
    [
        ("bundle", BUNDLE, BundleManifest),
        ("weights", WEIGHTS_FOLDER, WeightsManifest),
        ("library", LIBRARY, LibraryManifest),
    ],
)
def test_each_kind_of_manifest_is_read_and_written_the_same(
    tmp_path: Path, kind: Any, document: dict[str, Any], cls: type
) -> None:
    manifest = load_manifest(put(tmp_path, document), kind)
    assert type(manifest) is cls
    assert write_manifest(tmp_path, manifest) == tmp_path / "manifest.json"
    assert json.loads((tmp_path / "manifest.json").read_text()) == document


def test_keys_of_a_newer_lab_survive(tmp_path: Path) -> None:
    newer = changed(changed(BUNDLE, "tensors.0.stride", [1]), "signed_by", "x")
    write_manifest(tmp_path, load_manifest(put(tmp_path, newer), "bundle"))
    assert json.loads((tmp_path / "manifest.json").read_text()) == newer


BROKEN: list[tuple[str, Any, str]] = [
    ("schema", 2, r"schema 2 is newer than this lab reads"),
    ("kind", "weights", r"kind: 'weights' is not one of bundle"),
    ("key", "AB" * 32, r"key: .* does not have the form"),
    ("model.layers", 33, r"\[model\].layers: 33 is more than layers_total 32"),
    ("model.vocab_size", 0, r"\[model\].vocab_size: 0 is too small"),
    ("model.label", "../../x", r"\[model\].label: "),
    ("target.name", "a/b", r"\[target\].name: "),
    ("weights.source", "internet", r"\[weights\].source: 'internet' is not one of"),
    ("files.0.name", "../model.so", r"files\[0\].name: '../model.so' is not a plain file name"),
    ("files.0.name", "/etc/passwd", r"files\[0\].name: '/etc/passwd' is not a plain file name"),
    ("files.0.name", "..", r"files\[0\].name: "),
    ("files.0.name", ".hidden", r"files\[0\].name: "),
    ("files.0.name", "", r"files\[0\].name: "),
    ("files.0.name", "a\0b", r"files\[0\].name: "),
    ("files.0.name", "a\\b", r"files\[0\].name: "),
    ("files.0.name", "manifest.json", r"files\[0\].name: "),
    ("files.0.name", "weights.bin", r"files\[1\].name: 'weights.bin' appears twice"),
    ("files.0.size", -1, r"files\[0\].size: -1 is too small"),
    ("files.0.size", 1.5, r"files\[0\].size: expected an integer"),
    ("files.0.sha256", "0" * 63, r"files\[0\].sha256: "),
    ("files.1.name", "other.bin", r"files: no weights.bin"),
    ("files.1.size", 6143, r"tensors\[1\] \(lm_head.q_weight\): ends at 6144, past the 6143 bytes"),
    ("tensors.1.offset", 4095, r"tensors\[1\] .*: offset: 4095 is not a multiple of 4096"),
    ("tensors.1.offset", 0, r"tensors\[1\] .*: offset: 0 overlaps the tensor before, which ends at 3072"),
    ("tensors.1.offset", -4096, r"tensors\[1\].offset: -4096 is too small"),
    ("tensors.1.offset", 2**62, r"tensors\[1\] .*: ends at "),
    ("tensors.1.nbytes", 2047, r"tensors\[1\] .*: nbytes: 2047, but shape and dtype make 2048"),
    ("tensors.1.dtype", "int4", r"tensors\[1\].dtype: 'int4' is not one of"),
    ("tensors.1.shape", [2, 0, 1024], r"tensors\[1\].shape\[1\]: 0 is too small"),
    ("tensors.1.shape", [2**40, 2**40], r"tensors\[1\] .*: nbytes: 2048, but shape and dtype make"),
    ("tensors.1.name", "model.norm.weight", r"tensors\[1\].name: 'model.norm.weight' appears twice"),
    ("verify.logits", [0.5], r"\[verify\].logits: 1 values for 2 logit_ids"),
    ("verify.prompt_ids", [], r"\[verify\]: prompt_ids and logit_ids must not be empty"),
    ("verify.prompt_ids", [32064], r"\[verify\]: an id is outside the vocabulary of 32064"),
    ("model.labels", 1, r"\[verify\]: an id of a logit is outside the 1 that there are"),
    ("verify.logit_ids", [0, -1], r"\[verify\].logit_ids\[1\]: -1 is too small"),
    ("verify.rel_error_max", 0, r"\[verify\].rel_error_max: 0.0 is too small, more than 0"),
    ("memory.workspace_bytes", -1, r"\[memory\].workspace_bytes: -1 is too small"),
]


@pytest.mark.parametrize(("path", "value", "message"), BROKEN)
def test_a_manifest_is_believed_only_when_sound(tmp_path: Path, path: str, value: Any, message: str) -> None:
    with pytest.raises(BundleError, match=f"manifest.json: {message}"):
        load_manifest(put(tmp_path, changed(BUNDLE, path, value)), "bundle")


@pytest.mark.parametrize("key", [key for key in BUNDLE if key != "schema"])
def test_a_missing_key_is_named(key: str) -> None:
    document = {k: v for k, v in BUNDLE.items() if k != key}
    with pytest.raises(BundleError, match=f"^m: {key}: missing key"):
        parse_manifest(document, "bundle", where="m")


def test_a_folder_without_manifest_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"not a bundle folder: it has no manifest.json") as caught:
        load_manifest(tmp_path, "bundle")
    assert "lab clean" in str(caught.value.hint)


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_manifest_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(BundleError, match=r"manifest.json: "):
        load_manifest(tmp_path, "bundle")


def test_an_unsound_manifest_is_not_written(tmp_path: Path) -> None:
    manifest: BundleManifest = parse_manifest(BUNDLE, "bundle", where="m")
    with pytest.raises(BundleError, match="is not a plain file name"):
        write_manifest(tmp_path, replace(manifest, files=(FileEntry("../x", 1, KEY), *manifest.files)))
    assert list(tmp_path.iterdir()) == []


def test_a_file_entry_is_size_and_sha256(tmp_path: Path) -> None:
    (tmp_path / "model.so").write_bytes(b"ELF")
    assert file_entry(tmp_path / "model.so") == FileEntry("model.so", 3, hashlib.sha256(b"ELF").hexdigest())


def test_sound_files_pass(bundle: Path) -> None:
    verify_files(bundle, load_manifest(bundle, "bundle"))


@pytest.mark.parametrize(
    ("cut", "message"), [(-12, r"weights.bin: 12 bytes short: the manifest says 6144"), (5, r"5 bytes too long")]
)
def test_a_file_of_another_size_is_named(bundle: Path, cut: int, message: str) -> None:
    content = (bundle / "weights.bin").read_bytes() + bytes(5)
    (bundle / "weights.bin").write_bytes(content[: 6144 + cut])
    with pytest.raises(BundleError, match=message) as caught:
        verify_files(bundle, load_manifest(bundle, "bundle"), digests=False)
    assert "lab clean" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["model.so", "weights.bin"])
def test_any_flipped_bit_in_a_file_is_found(bundle: Path, name: str) -> None:
    content = (bundle / name).read_bytes()
    for place in (0, len(content) // 2, len(content) - 1):
        flipped = bytearray(content)
        flipped[place] ^= 4
        (bundle / name).write_bytes(flipped)
        with pytest.raises(BundleError, match=rf"{name}: its content is damaged"):
            verify_files(bundle, load_manifest(bundle, "bundle"))


def test_a_missing_file_a_link_and_a_folder_are_refused(bundle: Path) -> None:
    manifest = load_manifest(bundle, "bundle")
    (bundle / "model.so").rename(bundle / "moved")
    with pytest.raises(BundleError, match=r"model.so: No such file"):
        verify_files(bundle, manifest)
    (bundle / "model.so").symlink_to(bundle / "moved")
    with pytest.raises(BundleError, match=r"model.so: not a regular file"):
        verify_files(bundle, manifest)
    (bundle / "model.so").unlink()
    (bundle / "model.so").mkdir()
    with pytest.raises(BundleError, match=r"model.so: not a regular file"):
        verify_files(bundle, manifest)


class Counting:
    """Progress that adds up."""

    def __init__(self) -> None:
        self.total: float | None = None
        self.done = 0.0

    def phase(self, name: str, total: float | None = None, unit: str = "") -> AbstractContextManager[Advance]:
        @contextmanager
        def opened() -> Any:
            self.total = total
            yield self.advance

        return opened()

    def advance(self, amount: float) -> None:
        self.done += amount

    def note(self, text: str) -> None:
        raise AssertionError(text)


def test_progress_counts_every_byte(bundle: Path) -> None:
    progress = Counting()
    verify_files(bundle, load_manifest(bundle, "bundle"), progress)
    assert (progress.total, progress.done) == (6147, 6147)
