"""The events of `lab-bench`: one JSON object a line, from a device that nobody vouches for.

Every stamp `t_ns` is monotonic nanoseconds of the device; a null is something that was not measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from lab.core.decode import decode
from lab.core.errors import MeasureError
from lab.core.fields import Limits
from lab.core.jsonio import parse_json
from lab.formats.kinds import Bytes, Count, NotNegative, Positive
from lab.ondevice.gpu_events import GpuDid, GpuFacts

PROTOCOL = 1
MAX_LINE_BYTES = 1 << 20
MAX_TOKENS = 1_000_000
RESIDENT, FOOTPRINT = "VmHWM", "phys_footprint"  # names of counters

# fmt: off
Stamp = Annotated[int, Limits(min=0, max=2**62, unit="ns")]
Text = Annotated[str, Limits(pattern=r"(?s).{0,4000}")]
OpsPerS = Annotated[float, Limits(above=0, unit="operations/s")]
# fmt: on


@dataclass(frozen=True)
class RanOn:
    """What really ran: the CPU as its kernel names it, the engine as loaded, the library's own metadata.

    `threads` is what the pool reports that runs the kernels, `pool` whose it is ("lab" or "tvm"; "none" on a GPU, and
    then `threads` were only asked for), `bound` whether its threads are tied to cores. `gpu` is null on the processor.
    """

    device: Literal["cpu", "opencl", "metal"]
    arch: Text
    cpu_model: Text
    features: tuple[Text, ...]
    isa: Text
    engine: Text
    threads: Positive
    pool: Text
    bound: bool
    metadata: dict[str, Any]
    gpu: GpuFacts | None = None


@dataclass(frozen=True)
class Start:
    """The first event of a run."""

    protocol: Positive
    runner: Text
    t_ns: Stamp
    threads: Positive
    pid: Positive


@dataclass(frozen=True)
class Loaded:
    """Library, weights and KV cache are there, which took `load_ns` from opening the manifest."""

    t_ns: Stamp
    load_ns: Stamp
    weights_bytes: Bytes
    kv_bytes: Bytes
    ran_on: RanOn


@dataclass(frozen=True)
class Verify:
    """How far the logits of the manifest's prompt are from its reference; null is "no number came back"."""

    rel_error: NotNegative | None
    rel_error_max: NotNegative
    argmax_match: bool
    passed: bool


@dataclass(frozen=True)
class Broken:
    """The bundle computes the wrong thing; nothing was timed."""

    reason: Text


@dataclass(frozen=True)
class Warmup:
    """One round of warm-up: its prefill, and each of its decode steps."""

    index: Count
    prefill_ns: Stamp
    decode_ns: tuple[Stamp, ...]


@dataclass(frozen=True)
class Warm:
    """Warm-up is over after `count` rounds; not `stable` when the cap ended it."""

    count: Count
    stable: bool


@dataclass(frozen=True)
class Image:
    """The image before the prompt was encoded, after the depth was fed and before the clock started.

    It takes `positions` of the context.
    """

    encode_ns: Stamp
    positions: Positive


@dataclass(frozen=True)
class Submit:
    """The timed part begins: `prompt` tokens go in, with `depth` already in the cache."""

    t_ns: Stamp
    prompt: Positive
    depth: Count


@dataclass(frozen=True)
class Token:
    """Generated token number `i`, known at `t_ns`."""

    i: Count
    t_ns: Stamp
    id: Count


@dataclass(frozen=True)
class Counters:
    """The kernel's counters of the process at its end, in bytes; `major_faults` is a count.

    macOS has phys_footprint and its highest value in place of Linux's counters. OpenCL's are what lies in buffers of
    its driver, and what the device uses in place in the host's memory.
    """

    VmHWM: Bytes | None
    VmRSS: Bytes | None
    RssAnon: Bytes | None
    RssFile: Bytes | None
    VmSwap: Bytes | None
    major_faults: Count | None
    opencl_alloc_peak_bytes: Bytes | None = None
    opencl_zero_copy_bytes: Bytes | None = None
    phys_footprint: Bytes | None = None
    phys_footprint_peak: Bytes | None = None

    @property
    def peak(self) -> tuple[str, int | None]:
        """The counter that tells the peak, by its kernel's name for it, and the peak in bytes."""
        if self.phys_footprint is not None:
            return FOOTPRINT, self.phys_footprint_peak
        return RESIDENT, self.VmHWM


@dataclass(frozen=True)
class Memory:
    """Memory at the end; `samples` are (t_ns, resident bytes; on macOS phys_footprint), only from a memory pass.

    `workspace_bytes` is the highest RssAnon seen by the sampler less the written part of the KV cache.
    """

    counters: Counters
    rss_anon_peak_bytes: Bytes | None
    workspace_bytes: Bytes | None
    samples: tuple[tuple[Stamp, Bytes], ...] = ()


@dataclass(frozen=True)
class End:
    """The last event of a run that did not fail; counts are of the timed part."""

    t_ns: Stamp
    status: Literal["ok", "interrupted"]
    prompt_tokens: Count
    generated_tokens: Count


@dataclass(frozen=True)
class Error:
    """The runner gave up: `where` is the part, `message` says why."""

    where: Text
    message: Text


@dataclass(frozen=True)
class Bandwidth:
    """What `lab-bench bandwidth` read: a rate for each pass over `bytes`, in order."""

    threads: Positive
    bytes: Bytes
    loop: Text
    bytes_per_s: tuple[Annotated[float, Limits(above=0, unit="bytes/s")], ...]


@dataclass(frozen=True)
class Peak:
    """What `lab-bench peak` multiplied and added in registers: a rate for each pass, in order.

    int4 is products of a nibble and a byte. Runners of before it did not measure it.
    """

    threads: Positive
    int8_loop: Text
    f32_loop: Text
    int8_ops_per_s: tuple[OpsPerS, ...]
    f32_ops_per_s: tuple[OpsPerS, ...]
    int4_loop: Text | None = None
    int4_ops_per_s: tuple[OpsPerS, ...] = ()


@dataclass(frozen=True)
class Staged:
    """What `lab-bench stage` found or made: bytes of weights in the page cache, and how many in huge pages."""

    bytes: Bytes
    huge_bytes: Bytes | None


@dataclass(frozen=True)
class Info:
    """What `lab-bench info` says of runner and machine."""

    protocol: Positive
    runner: Text
    arch: Text
    cpu_model: Text
    features: tuple[Text, ...]
    cores: Positive
    page_size: Positive
    mem_available_bytes: Bytes | None
    engine: Text
    gpu: GpuFacts | None = None


Running = Start | Loaded | Verify | Broken | Warmup | Warm | Image | Submit | Token | Memory | GpuDid | End | Error
Event = Running | Bandwidth | Peak | Staged | Info

CLASSES: dict[str, type[Any]] = {
    "start": Start,
    "loaded": Loaded,
    "verify": Verify,
    "broken": Broken,
    "warmup": Warmup,
    "warm": Warm,
    "image": Image,
    "submit": Submit,
    "token": Token,
    "memory": Memory,
    "gpu": GpuDid,
    "end": End,
    "error": Error,
    "bandwidth": Bandwidth,
    "peak": Peak,
    "staged": Staged,
    "info": Info,
}


def decode_line(line: str, number: int) -> Event:
    """Return the event that one line of output holds; `number` (from 1) names it in the MeasureError."""
    where = f"runner output line {number}"
    if len(line.encode("utf-8", "surrogatepass")) > MAX_LINE_BYTES:
        raise MeasureError(f"{where}: longer than {MAX_LINE_BYTES} bytes")
    document = parse_json(line, where=where, error=MeasureError)
    name = document.pop("event", None) if isinstance(document, dict) else None
    if not isinstance(name, str) or name not in CLASSES:
        raise MeasureError(f"{where}: not an event of the runner: {line[:80]!r}")
    event: Event = decode(CLASSES[name], document, where=f"{where} ({name})", error=MeasureError)
    return event
