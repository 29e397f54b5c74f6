"""What the memory pass of a peer says."""

from __future__ import annotations

from lab.formats.bundle import GgufManifest
from lab.formats.run_record import CellMemory
from lab.measure.llama.output import Row, Watched
from lab.measure.memory import believable, no_memory
from lab.measure.protocol import MEMORY_COUNTER


def pass_memory(
    found: tuple[Row, Watched] | str, manifest: GgufManifest, previous: CellMemory | None, generate: int
) -> CellMemory:
    """Return the memory of a cell, or none of it with the reason that `found` then is.

    Cache and workspace are null: llama-bench does not tell them apart. `weights_bytes` is its own word.
    """
    if isinstance(found, str):
        return no_memory(found, generate)
    row, watched = found
    counters = watched.counters
    peak, reason = believable(counters.VmHWM, manifest.decode_weight_bytes_per_token, previous)
    return CellMemory(
        counter=MEMORY_COUNTER,
        rss_peak_bytes=peak,
        rss_anon_peak_bytes=watched.rss_anon_peak_bytes,
        weights_bytes=row.model_size,
        kv_bytes=None,
        workspace_bytes=None,
        samples=watched.samples,
        reason=reason,
        generate=generate,
        swap_bytes=counters.VmSwap,
        major_faults=counters.major_faults,
    )
