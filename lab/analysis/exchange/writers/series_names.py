"""What tells a run's series from others of its target, model and engine, where names have to stay the same for good.

A name is made of its run alone, never of what else is exported: the same series has it every night. What is at the
default of its tool is left out. So a column that appears at its default changes no name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.analysis.backend_names import backend_text
from lab.analysis.exchange.writers.anonymise import public_setting
from lab.analysis.points import defaults
from lab.analysis.points.settings import settings_of
from lab.analysis.tools import OWN, tool_of
from lab.core.text import printable
from lab.formats.run_record import RunRecord

NO_NAMES = ("fingerprint", "plan_threads")  # a digest, and what was planned where another number ran


@dataclass(frozen=True)
class Under:
    """`tool`, `backend` and `settings` as names say them; `threads` 0 is not known. Empty is the default."""

    tool: str
    backend: str
    threads: int
    settings: tuple[tuple[str, str], ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """All of it as parts of a name: pocketpal, opencl, threads=4, flash_attn=1."""
        threads = [f"threads={self.threads}"] if self.threads else []
        named = [part for part in (self.tool, self.backend) if part]
        return (*named, *threads, *(f"{name}={text or 'none'}" for name, text in self.settings))


def under(record: RunRecord) -> Under:
    """Return under what the run was measured; lab's own engines on the CPU, with a thread a core, need no name."""
    own = tool_of(record) == OWN
    threads = record.engine.threads
    if own and threads == record.device.facts.get("cores"):
        threads = 0
    backend = backend_text(record)
    return Under(
        tool="" if own else tool_of(record),
        backend="" if own and backend.startswith("cpu") else backend,
        threads=threads,
        settings=tuple(_settings(record, own)),
    )


def _settings(record: RunRecord, own: bool) -> Iterator[tuple[str, str]]:
    """Settings that are not at their default; one that stands in several objects with one value once."""
    usual = defaults.OWN if own else defaults.DEFAULTS.get(tool_of(record), {})
    told = [(name, text) for name, text in settings_of(record) if usual.get(name) != text and name not in NO_NAMES]
    values: dict[str, set[str]] = {}
    for name, text in told:
        values.setdefault(_short(name), set()).add(text)
    pairs = ((_short(name) if len(values[_short(name)]) == 1 else name, text) for name, text in told)
    for name, text in dict.fromkeys(pairs):
        if (name, text) != ("n_threads", str(record.engine.threads)):
            yield printable(name), printable(public_setting(name, text))


def _short(name: str) -> str:
    return name.rpartition(".")[2]
