"""The GGUF of a model: the same weights as ours, requantised to a type of about the same bits, for llama.cpp.

Made once and then found, as weights folders are. No matrix is ever whole in memory.
"""

from __future__ import annotations

import importlib.metadata
import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

from lab.core.atomic import publish_dir, staging_dir
from lab.core.errors import BundleError, WeightsError
from lab.core.jsonio import digest
from lab.core.progress import Progress
from lab.formats.bundle import file_entry, load_manifest, verify_files, write_manifest
from lab.formats.manifest import GGUF_NAME, SCHEMA, FileEntry, GgufManifest, MemoryBlock
from lab.models import params
from lab.models.catalog import ModelSpec
from lab.models.convert.manifest import model_block, weights_block
from lab.models.convert.run import check_fits
from lab.models.convert.stream import block_rows, workers
from lab.models.families import digestible, family_of
from lab.models.gguf_iq4_xs import encode_iq4_xs
from lab.models.gguf_names import GgufTensor
from lab.models.gguf_types import GgufType, describe, gguf_names, gguf_tensors, gguf_types
from lab.models.quant import F32, U8
from lab.models.sources.base import WeightSource, parts_of_key

WRITER_VERSION = 1  # raise it whenever the bytes made from the same source change
_ROOM_BYTES = 1 << 20  # metadata and manifest


def write_gguf(spec: ModelSpec, source: WeightSource, out_root: Path, progress: Progress, name: str = "") -> Path:
    """Return the folder with the GGUF of `spec` from `source` under `out_root`, made if it is not there yet.

    `name` is one of the `gguf_types` of the model; "" is the first. Raises WeightsError for a source that does not fit
    the model or is damaged, LabError for a disk that is full or not writable.
    """
    check_fits(spec, source)
    matrix = _type_of(spec, name)
    key = gguf_key(spec, source, matrix)
    final = out_root / "gguf" / f"{spec.label}--{key[:12]}"
    if _is_there(final, progress):
        return final
    needed = sum(one.nbytes for one in gguf_tensors(spec, matrix)) + _ROOM_BYTES
    with staging_dir(final.parent, final.name, needed_bytes=needed) as folder:
        _write_file(folder / GGUF_NAME, spec, source, matrix, progress)
        with progress.phase("digest GGUF", (folder / GGUF_NAME).stat().st_size, "B") as advance:
            entry = file_entry(folder / GGUF_NAME, advance)
        write_manifest(folder, _manifest(spec, source, matrix, key, entry))
        return publish_dir(folder, final)


def gguf_key(spec: ModelSpec, source: WeightSource, matrix: GgufType) -> str:
    """Return the digest of everything that the file's content depends on."""
    made_by = {"writer": WRITER_VERSION, "gguf": importlib.metadata.version("gguf")}
    model = {"label": spec.label, "config": digestible(spec.config), "quant": spec.scheme.name}
    # The first type of a scheme goes without its name: files made before there were others stay what they are.
    kind = {} if matrix == gguf_types(spec)[0] else {"type": matrix.name}
    return digest({**made_by, **model, **kind, "source": parts_of_key(source)})


def encode(values: F32, kind: Type) -> U8:
    """Return the bytes of rows of a matrix, by gguf's own quantiser where it has one."""
    if kind == Type.IQ4_XS:
        return encode_iq4_xs(values)
    with np.errstate(over="ignore", invalid="ignore"):
        stored = gguf.quants.quantize(values, kind)
    return np.ascontiguousarray(stored).view(np.uint8)


def _type_of(spec: ModelSpec, name: str) -> GgufType:
    types = {one.name: one for one in gguf_types(spec)}
    if name and name not in types:
        raise WeightsError(f"{spec.label} cannot be written as {name}", hint=f"its types: {', '.join(types)}")
    return types[name] if name else gguf_types(spec)[0]


def _is_there(final: Path, progress: Progress) -> bool:
    if not final.exists():
        return False
    try:
        verify_files(final, load_manifest(final, "gguf"), digests=False)
    except BundleError as problem:
        progress.note(f"{problem.what}; made again")
        shutil.rmtree(final, ignore_errors=True)
        return False
    return True


def _write_file(path: Path, spec: ModelSpec, source: WeightSource, matrix: GgufType, progress: Progress) -> None:
    tensors = gguf_tensors(spec, matrix)
    begin = _write_head(path, spec, matrix, tensors)
    offsets = list(_offsets(begin, tensors))
    total = sum(one.nbytes for one in tensors)
    handle = os.open(path, os.O_RDWR)
    try:
        os.truncate(handle, _aligned(offsets[-1] + tensors[-1].nbytes))
        with progress.phase("write GGUF", total, "B") as advance, workers() as pool:
            for tensor, offset in zip(tensors, offsets, strict=True):
                _write_tensor(handle, offset, tensor, source, pool, advance)
    finally:
        os.close(handle)


def _write_head(path: Path, spec: ModelSpec, matrix: GgufType, tensors: Sequence[GgufTensor]) -> int:
    """Write all that comes before the tensors' bytes; return where those begin."""
    writer = gguf.GGUFWriter(path, gguf_names(spec).architecture)
    describe(writer, spec, matrix)
    for one in tensors:
        writer.add_tensor_info(one.name, one.shape, np.dtype(np.float32), one.nbytes, raw_dtype=one.type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    return _aligned(path.stat().st_size)


def _offsets(begin: int, tensors: Sequence[GgufTensor]) -> Iterator[int]:
    for one in tensors:
        yield begin
        begin = _aligned(begin + one.nbytes)


def _write_tensor(
    handle: int,
    offset: int,
    tensor: GgufTensor,
    source: WeightSource,
    pool: ThreadPoolExecutor,
    advance: Callable[[float], None],
) -> None:
    if len(tensor.shape) == 1:
        advance(_put(handle, offset, _checked(_vector(tensor, source), tensor, 0)))
        return
    rows, k = tensor.shape
    row_bytes, step = tensor.nbytes // rows, block_rows(k)

    def work(start: int) -> int:
        values = _checked(_block(tensor, source, start, min(start + step, rows)), tensor, start)
        return _put(handle, offset + start * row_bytes, encode(values, tensor.type))

    for written in pool.map(work, range(0, rows, step)):
        advance(written)


def _vector(tensor: GgufTensor, source: WeightSource) -> F32:
    if tensor.values is not None:
        return tensor.values
    values = source.vector(str(tensor.hf_name))
    return values if tensor.rows is None else values[tensor.rows]


def _block(tensor: GgufTensor, source: WeightSource, start: int, stop: int) -> F32:
    """Return rows start..stop of what is stored, read as one stretch of the family's tensor that holds them all."""
    name = str(tensor.hf_name)
    if tensor.rows is None:
        return source.read_rows(name, start, stop)
    rows = tensor.rows[start:stop]
    first = int(rows.min())
    return source.read_rows(name, first, int(rows.max()) + 1)[rows - first]


def _checked(values: F32, tensor: GgufTensor, start: int) -> F32:
    """Refuse what is no number, and what float16 (a type's own, or that of its scales) cannot hold."""
    scaled = {Type.Q4_0: 8.0, Type.IQ4_XS: 127.0 * 32, Type.Q8_0: 127.0, Type.F16: 1.0}.get(tensor.type, np.inf)
    limit = 65504.0 * scaled
    if not (np.abs(values) <= limit).all() or not np.isfinite(values).all():
        raise WeightsError(
            f"{tensor.hf_name}: rows {start} to {start + len(values)} hold a value that is not a number, or too"
            f" large for {tensor.type.name}",
            hint="the weights are damaged, or not made for this: get them again",
        )
    return values


def _put(handle: int, offset: int, data: F32 | U8) -> int:
    view = np.ascontiguousarray(data).data.cast("B")
    done = 0
    while done < len(view):
        done += os.pwrite(handle, view[done:], offset + done)
    return done


def _aligned(size: int) -> int:
    step: int = gguf.GGUF_DEFAULT_ALIGNMENT
    return -(-size // step) * step


def _manifest(spec: ModelSpec, source: WeightSource, matrix: GgufType, key: str, entry: FileEntry) -> GgufManifest:
    tensors = gguf_tensors(spec, matrix)
    return GgufManifest(
        schema=SCHEMA,
        kind="gguf",
        key=key,
        created_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        model=model_block(spec),
        weights=weights_block(source, key, f"gguf-{matrix.name}"),
        files=(entry,),
        memory=MemoryBlock(entry.size, params.kv_bytes_per_token(spec.config, spec.scheme), None),
        decode_weight_bytes_per_token=_decode_bytes(spec, tensors),
        elements=sum(math.prod(one.shape) for one in tensors),
    )


def _decode_bytes(spec: ModelSpec, tensors: Sequence[GgufTensor]) -> int:
    """Bytes that decoding one token has to read: of the embedding one row, unless it is the head too."""
    (table,) = (one.nbytes for one in tensors if one.hf_name == family_of(spec.config).embedding)
    row = table // spec.config.vocab_size
    total = sum(one.nbytes for one in tensors)
    return total + row if spec.config.tie_word_embeddings else total - table + row
