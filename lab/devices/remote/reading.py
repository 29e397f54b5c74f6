"""What a device tells of itself: its facts and its state, in the words of its system.

Optional questions have seconds each, and one that hangs is not asked again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.core.errors import DeviceFailedError
from lab.devices.readings import android, gpus, linux, macos
from lab.devices.remote.identify import Greeting
from lab.devices.remote.shell import Shell, said
from lab.devices.remote.snapshot import (
    FACT_PATHS,
    GROUPS_COMMAND,
    SENSOR_PATHS,
    STATE_PATHS,
    Snapshot,
    command,
    group_paths,
)

TOGETHER_S = 10.0
APART_S = 5.0
BUDGET_S = 20.0  # of all that are asked one by one
SENSORS_S = 10.0


@dataclass(frozen=True)
class Questions:
    """Commands by name, of which one line asks all, with `mark` between the answers; `before` begins that line."""

    commands: Mapping[str, str]
    mark: str
    before: str = ""

    def line(self, names: Sequence[str]) -> str:
        """Return the command line that asks those."""
        asked = f"; echo '{self.mark}'; ".join(f"{self.commands[name]} 2>/dev/null" for name in names)
        return f"{self.before}{asked}; true"

    def joined(self, answers: Mapping[str, str]) -> str:
        """Return the answers as one line of all commands would have them; empty where one is missing."""
        return f"{self.mark}\n".join(answers.get(name, "") for name in self.commands)


class Optional:
    """Asks one device; `unanswered` says of each name that is not asked any more why."""

    def __init__(self, shell: Shell) -> None:
        self.unanswered: dict[str, str] = {}
        self._shell = shell
        self._slow: set[str] = set()

    def ask(self, questions: Questions) -> str:
        """Return all answers, joined; empty ones for what hangs, now or before.

        Raises DeviceUnreachableError when the device went away.
        """
        names = [name for name in questions.commands if name not in self.unanswered]
        if not names:
            return questions.joined({})
        try:
            answer = self._shell.answer(questions.line(names), "ask", timeout_s=TOGETHER_S)
        except DeviceFailedError:
            return questions.joined(self._apart(questions, names))
        parts = answer.stdout.decode("utf-8", "replace").split(f"{questions.mark}\n")
        return questions.joined(dict(zip(names, parts, strict=False)))

    def _apart(self, questions: Questions, names: Sequence[str]) -> dict[str, str]:
        """Ask one by one, to find which hangs; where all together are too slow once more, they are given up."""
        if self._slow.intersection(names):
            self.unanswered |= dict.fromkeys(names, f"all together take more than {TOGETHER_S:g} s")
            return {}
        self._slow.update(names)
        answers: dict[str, str] = {}
        deadline = time.monotonic() + BUDGET_S
        for name in names:
            if time.monotonic() < deadline:
                self._one(questions, name, answers)
            else:
                self.unanswered[name] = "not asked: others took too long"
        return answers

    def _one(self, questions: Questions, name: str, answers: dict[str, str]) -> None:
        try:
            answer = self._shell.answer(questions.line([name]), "ask", timeout_s=APART_S)
        except DeviceFailedError:
            self.unanswered[name] = f"no answer within {APART_S:g} s"
            return
        if answer.code != 0:
            self.unanswered[name] = said(answer)
        answers[name] = answer.stdout.decode("utf-8", "replace")


STALLS_MAX = 2
ANDROID_FACTS = Questions(android.FACT_COMMANDS, android.MARK)
ANDROID_STATE = Questions(android.STATE_COMMANDS, android.MARK)
MAC_FACTS = Questions(macos.FACT_COMMANDS, macos.MARK, macos.BEFORE)
# State is asked while a model runs: on the slow cores, where the questions take nothing from it.
MAC_STATE = Questions(macos.STATE_COMMANDS, macos.MARK, f"taskpolicy -b -p $$ 2>/dev/null; {macos.BEFORE}")


class Readings:
    """Asks one device, which has been greeted."""

    def __init__(self, shell: Shell, greeting: Greeting) -> None:
        self._shell = shell
        self._greeting = greeting
        self._optional = Optional(shell)
        self._groups: str | None = None
        self._stalls = 0  # of the sensors, one after another

    def facts(self) -> dict[str, Any]:
        """Return what does not change in a session, and what of it was not answered."""
        return {**self._facts(), **self._unanswered()}

    def state(self) -> dict[str, Any]:
        """Return what moves, and what of it was not answered."""
        return {**self._state(), **self._unanswered()}

    def load(self) -> dict[str, float | None]:
        """Return how busy a Mac was in the last second."""
        return macos.load(self._shell.ask(macos.LOAD_COMMAND, "read its load"))

    def _unanswered(self) -> dict[str, Any]:
        return {"unanswered": dict(self._optional.unanswered)} if self._optional.unanswered else {}

    def _facts(self) -> dict[str, Any]:
        if self._greeting.macos:
            return macos.facts(self._optional.ask(MAC_FACTS))
        files = self._files(FACT_PATHS, "read its facts")
        found = linux.facts(files)
        if self._greeting.android:
            told = android.facts(self._optional.ask(ANDROID_FACTS))
            found |= {key: value for key, value in told.items() if value is not None}
            found["gpu"] = gpus.facts(files) or told["gpu"]
        return found

    def _state(self) -> dict[str, Any]:
        if self._greeting.macos:
            return macos.state(self._optional.ask(MAC_STATE))
        files = self._files(STATE_PATHS, "read its state")
        found = linux.state(files)
        if not self._greeting.android:
            return found
        return android.over({**found, **gpus.state(files)}, self._optional.ask(ANDROID_STATE))

    def _files(self, paths: tuple[str, ...], what: str) -> Snapshot:
        """Read files, and those of sensors with them, whose drivers may hang; STALLS_MAX times are a hang."""
        if self._groups is None:
            self._groups = self._shell.ask(GROUPS_COMMAND, what)
        needed = (*paths, *group_paths(self._groups))
        if self._stalls < STALLS_MAX:
            try:
                answer = self._shell.ask(command((*needed, *SENSOR_PATHS)), what, timeout_s=SENSORS_S)
                self._stalls = 0
                self._optional.unanswered.pop("sensors", None)
                return Snapshot(self._groups + answer)
            except DeviceFailedError:
                self._stalls += 1
                self._optional.unanswered["sensors"] = f"no answer within {SENSORS_S:g} s"
        return Snapshot(self._groups + self._shell.ask(command(needed), what))
