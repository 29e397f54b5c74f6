"""What a gate lets through: a judgement, what is still inconclusive and what would decide it, and the exit code."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from lab.analysis.judging.verdict import Judgement, Verdict
from lab.analysis.points.key import STATUS
from lab.core.units import counted
from lab.formats.verdicts import VERDICTS, Word, word_label

FINE, REGRESSION, UNREACHABLE, NOT_COMPARABLE = 0, 3, 4, 5


@dataclass(frozen=True)
class More:
    """Sessions that are missing to decide what is inconclusive about one model on one target.

    `sessions` is how many more each side needs, None where the judge cannot say. `command` measures one.
    """

    target: str
    model: str
    engine: str
    sessions: int | None
    command: str


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A judgement and what came with it.

    `strict` holds the gate shut for what is unproven. `unreachable` says why the confirm stage had no device. `runs`
    are those of the baseline and of the candidate.
    """

    judgement: Judgement
    runs: tuple[int, int]
    notes: tuple[str, ...] = ()
    strict: bool = False
    unreachable: str | None = None

    def sessions(self, side: int) -> tuple[int, int] | None:
        """Return the least and the most sessions that a series has on side 0, the baseline, or 1; None without any."""
        compared = [verdict for verdict in self.judgement.verdicts if verdict.ratio is not None]
        found = [(verdict.sessions_a, verdict.sessions_b)[side] for verdict in compared]
        return (min(found), max(found)) if found else None

    def counted(self, side: int) -> str:
        """Return how much a side is: its runs, and how many sessions a series got of them."""
        runs, sessions = self.runs[side], self.sessions(side)
        text = counted(runs, "run")
        if sessions is None:
            return text
        least, most = sessions
        many = str(least) if least == most else f"{least} to {most}"
        return f"{text}, {many} session{'s' * (most != 1)} per series"

    @property
    def alarms(self) -> tuple[Verdict, ...]:
        """What got worse."""
        return tuple(verdict for verdict in self.judgement.verdicts if verdict.is_alarm)

    @property
    def unproven(self) -> tuple[Verdict, ...]:
        """What may have got worse or may not: too few sessions, or too noisy ones."""
        return self._of("unproven")

    @property
    def incomparable(self) -> tuple[Verdict, ...]:
        """What cannot be compared."""
        return self._of("not-comparable")

    @property
    def better(self) -> tuple[Verdict, ...]:
        """What improved."""
        return tuple(verdict for verdict in self.judgement.verdicts if VERDICTS[verdict.word].role == "good")

    @property
    def more(self) -> tuple[More, ...]:
        """What to measure to decide what is inconclusive."""
        return more_sessions(self.unproven)

    @property
    def exit_code(self) -> int:
        """0 fine, 3 a regression, 4 no device to confirm with, 5 not comparable; unproven is 5 when strict.

        A device that did not answer comes first: alarms that should have been confirmed are not.
        """
        if self.unreachable is not None:
            return UNREACHABLE
        code = self.judgement.exit_code
        return NOT_COMPARABLE if code == FINE and self.strict and self.unproven else code

    @property
    def outcome(self) -> str:
        """One line that says how it ended, and why."""
        judged = len(self.judgement.verdicts)
        match self.exit_code:
            case 4:
                return f"not confirmed: {self.unreachable}"
            case 3:
                return f"regression: {len(self.alarms)} of {judged} verdicts are alarms: {_words(self.alarms)}"
            case 5 if self.unproven:
                return f"inconclusive: {len(self.unproven)} of {judged} verdicts, which --strict does not accept"
            case 5:
                return "not comparable: baseline and candidate have nothing that can be compared"
        if self.unproven:
            return f"no regression found; {len(self.unproven)} of {judged} verdicts are inconclusive"
        return f"no regression in {judged} verdicts"

    def _of(self, word: Word) -> tuple[Verdict, ...]:
        return tuple(verdict for verdict in self.judgement.verdicts if verdict.word == word)


def more_sessions(verdicts: Iterable[Verdict]) -> tuple[More, ...]:
    """Return what to measure, one entry for each engine of a model on a target."""
    groups: dict[tuple[str, str, str], list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault((verdict.cell.target, verdict.cell.model, verdict.cell.engine), []).append(verdict)
    return tuple(_more(*key, group) for key, group in groups.items())


def _more(target: str, model: str, engine: str, group: list[Verdict]) -> More:
    needed = [verdict.needed for verdict in group if verdict.needed is not None]
    return More(target, model, engine, max(needed) if needed else None, _command(target, model, engine, group))


def _command(target: str, model: str, engine: str, group: list[Verdict]) -> str:
    """Return the `lab run` that measures these cells once; what strangers wrote is quoted for a shell."""
    name, _, layers = model.partition("@")
    words = ["lab", "run", "--target", target, "--model", name]
    words += ["--layers", layers.removesuffix("l")] if layers else []
    words += ["--engine", engine] if engine != "tvm" else []
    for option in ("prompt", "generate", "depth"):
        numbers = sorted({getattr(verdict.cell, option) for verdict in group})
        words += [f"--{option}", ",".join(map(str, numbers))] if numbers != [0] else []
    return shlex.join(words)


def _words(verdicts: Iterable[Verdict]) -> str:
    counted: dict[str, int] = {}
    for verdict in verdicts:
        label = word_label(verdict.word)
        what = label if verdict.cell.metric == STATUS else f"{verdict.cell.metric} {label}"
        counted[what] = counted.get(what, 0) + 1
    return ", ".join(f"{what} ({many})" if many > 1 else what for what, many in counted.items())
