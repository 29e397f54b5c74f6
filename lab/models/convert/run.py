"""`convert`: the weights folder of a model and a source, made once and then found."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

from lab.core.atomic import publish_dir, staging_dir
from lab.core.errors import BundleError, WeightsError
from lab.core.jsonio import digest
from lab.core.progress import Progress
from lab.formats.bundle import file_entry, load_manifest, verify_files, write_manifest
from lab.formats.manifest import WEIGHTS_NAME
from lab.models import params
from lab.models.catalog import ModelSpec
from lab.models.convert.manifest import weights_manifest
from lab.models.convert.stream import Stream, workers
from lab.models.convert.writer import file_bytes, open_writer, tensor_entries
from lab.models.families import digestible, family_of
from lab.models.layouts.n16k4 import LAYOUT
from lab.models.prompt import prompt_ids
from lab.models.quant import F32
from lab.models.sources.base import WeightSource, parts_of_key

CONVERTER_VERSION = 1  # raise it whenever the bytes or the reference values made from the same source change
_ROOM_FOR_MANIFEST_BYTES = 1 << 20


def convert(spec: ModelSpec, source: WeightSource, out_root: Path, progress: Progress, layout: str = LAYOUT) -> Path:
    """Return the weights folder of `spec` from `source` under `out_root`, made if it is not there yet.

    `layout` is the one that the library wants which will read them.
    Streams in blocks of rows on all cores; the folder appears whole or not at all. Raises WeightsError for a
    source that does not fit the model or is damaged, LabError for a disk that is full or not writable.
    """
    check_fits(spec, source)
    key = weights_key(spec, source, layout)
    final = weights_folder(spec, key, out_root)
    if _is_there(final, progress):
        return final
    needed = file_bytes(tensor_entries(params.param_specs(spec.config, spec.scheme, layout))) + _ROOM_FOR_MANIFEST_BYTES
    with staging_dir(final.parent, final.name, needed_bytes=needed) as folder:
        _fill(folder, spec, source, layout, key, progress)
        return publish_dir(folder, final)


def weights_key(spec: ModelSpec, source: WeightSource, layout: str = LAYOUT) -> str:
    """Return the digest of everything that the weights folder's content depends on."""
    return digest(
        {
            "converter": CONVERTER_VERSION,
            "config": digestible(spec.config),
            "scheme": asdict(spec.scheme),
            "layout": layout,
            "source": parts_of_key(source),
        }
    )


def weights_folder(spec: ModelSpec, key: str, out_root: Path) -> Path:
    """Return where the weights folder with `key` belongs under `out_root`."""
    return out_root / "weights" / f"{spec.label}--{key[:12]}"


def check_fits(spec: ModelSpec, source: WeightSource) -> None:
    """Raise WeightsError when the source belongs to another network than `spec`."""
    if source.config.family != spec.config.family:
        title = family_of(source.config).title
        raise WeightsError(f"{spec.label} is a {family_of(spec.config).title}; the weights are those of a {title}")
    wanted, found = asdict(spec.config), asdict(source.config)
    if found.pop("num_hidden_layers") < wanted.pop("num_hidden_layers"):
        raise WeightsError(
            f"{spec.label} needs {spec.layers} layers; the weights have {source.config.num_hidden_layers}"
        )
    differing = [f"{name} {found[name]} instead of {wanted[name]}" for name in wanted if found[name] != wanted[name]]
    if differing:
        raise WeightsError(
            f"the weights are not those of {spec.preset_name}: {'; '.join(differing)}",
            hint="`lab models` lists the networks; choose the one that these weights belong to",
        )


def _is_there(final: Path, progress: Progress) -> bool:
    if not final.exists():
        return False
    try:
        verify_files(final, load_manifest(final, "weights"), digests=False)
    except BundleError as problem:
        progress.note(f"{problem.what}; made again")
        shutil.rmtree(final, ignore_errors=True)
        return False
    return True


def _fill(folder: Path, spec: ModelSpec, source: WeightSource, layout: str, key: str, progress: Progress) -> None:
    path = folder / WEIGHTS_NAME
    stream, logits = _write_weights(path, spec, source, layout, progress)
    with progress.phase("digest weights", path.stat().st_size, "B") as advance:
        entry = file_entry(path, advance)
    write_manifest(
        folder, weights_manifest(spec, source, layout, key, entry, logits, stream.kv_peaks, stream.head_norm)
    )


def _write_weights(
    path: Path, spec: ModelSpec, source: WeightSource, layout: str, progress: Progress
) -> tuple[Stream, F32]:
    """Return the walk that is over, and its reference logits."""
    specs = params.param_specs(spec.config, spec.scheme, layout)
    total = sum(param.nbytes for param in specs)
    with (
        progress.phase("convert weights", total, "B") as advance,
        open_writer(path, specs) as writer,
        workers() as pool,
    ):
        stream = Stream(spec, source, writer, pool, advance, layout)
        return stream, stream.run(prompt_ids(spec.config.vocab_size))
