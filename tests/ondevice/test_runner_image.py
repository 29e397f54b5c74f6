"""The runner with a bundle of a small TinyGPT-V, made as `lab` makes them: images made up, given, and none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lab.compile.build import build_library
from lab.compile.bundle import assemble
from lab.core.progress import NullProgress
from lab.formats.bundle import load_manifest
from lab.formats.manifest import WEIGHTS_NAME, BundleManifest
from lab.formats.target import load_target
from lab.models.catalog import ModelSpec, custom
from lab.models.convert import convert
from lab.models.quant import SCHEMES
from lab.models.sources import SyntheticSource
from lab.models.tinygpt_v.image import synthetic_image
from lab.models.torch_reference import StoredWeights, reference_logits
from tests.models.oracle import rel_error
from tests.models.test_tinygpt_v import TINY, VISION
from tests.ondevice.conftest import Bench, Stub, there

SPEC: ModelSpec = custom(TINY, SCHEMES["f32"], "tiny-f32")
QUIET = NullProgress()
IDS = [3, 141, 59, 26, 5]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("image")
    library = build_library(SPEC, load_target("local"), root, QUIET)
    return assemble(library, convert(SPEC, SyntheticSource(TINY), root, QUIET), root)


def test_the_image_is_encoded_before_the_prompt_and_verified(bundle: Path, bench: Bench) -> None:
    log = bench.log(bundle, "--verify", "--warmup-cap", "1")
    assert there(log.verify).passed
    assert there(log.image).positions == TINY.qformer.queries
    assert there(log.image).encode_ns > 0
    assert there(log.submit).prompt == there(log.end).prompt_tokens == 5  # of text
    assert there(log.loaded).kv_bytes == 16 * there(manifest(bundle).memory).kv_bytes_per_token  # 3 + 5 + 4 fit a page


def manifest(bundle: Path) -> BundleManifest:
    return load_manifest(bundle, "bundle")


def test_logits_after_the_image_are_those_of_torch(bundle: Path, bench: Bench, tmp_path: Path) -> None:
    ids, out = tmp_path / "ids.txt", tmp_path / "logits.bin"
    ids.write_text(" ".join(map(str, IDS)))
    log = bench.log(bundle, "--ids", str(ids), "--dump-logits", str(out), "--warmup-cap", "0")
    got = np.fromfile(out, "<f4").reshape(4, -1)
    weights = StoredWeights(SPEC, bundle / WEIGHTS_NAME, manifest(bundle).tensors)
    want = reference_logits(SPEC, weights, [*IDS, *(token.id for token in log.tokens[:-1])], QUIET)[-4:]
    assert rel_error(got, want) < 1e-4


def test_a_prompt_longer_than_a_chunk_goes_on_after_the_image(bundle: Path, bench: Bench) -> None:
    whole, parts = (bench.log(bundle, "--prefill-chunk", size, prompt=40) for size in ("64", "16"))
    assert [token.id for token in whole.tokens] == [token.id for token in parts.tokens]


def test_a_given_image_counts(bundle: Path, bench: Bench, tmp_path: Path) -> None:
    made_up, other = synthetic_image(VISION.rows, VISION.columns), tmp_path / "other.f32"
    same = tmp_path / "same.f32"
    made_up.astype("<f4").tofile(same)
    (-made_up * 3).astype("<f4").tofile(other)
    logits = []
    for words in ([], ["--image", str(same)], ["--image", str(other)]):
        out = tmp_path / "logits.bin"
        bench.log(bundle, *words, "--dump-logits", str(out), "--warmup-cap", "0")
        logits.append(np.fromfile(out, "<f4"))
    np.testing.assert_array_equal(logits[0], logits[1])
    assert rel_error(logits[0], logits[2]) > 1e-3


@pytest.mark.parametrize(
    ("size", "message"),
    [(None, "cannot be read"), (17 * 32 * 4 - 1, "does not hold 2176 bytes"), (17 * 32 * 4 + 1, "does not hold 2176")],
)
def test_a_file_of_another_size_is_refused(
    size: int | None, message: str, bundle: Path, bench: Bench, tmp_path: Path
) -> None:
    path = tmp_path / "image.f32"
    if size is not None:
        path.write_bytes(b"\0" * size)
    done = bench.run(bundle, "--image", str(path))
    assert done.code == 1
    assert f"image.f32: {message}" in done.stdout


def test_a_model_that_reads_none_is_given_none(stub: Stub, bench: Bench) -> None:
    done = bench.run(stub.folder, "--image", "cat.f32")
    assert done.code == 1
    assert "cat.f32: the model reads no image" in done.stdout


def test_the_image_counts_in_the_context(bundle: Path, bench: Bench) -> None:
    fits, too_long = 128 - 3 - 4, 128 - 3 - 3
    assert bench.run(bundle, prompt=fits).code == 0
    done = bench.run(bundle, prompt=too_long)
    assert done.code == 1
    assert "a context of 129 tokens is more than the model's 128" in done.stdout
