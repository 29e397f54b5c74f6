"""Questions whose answers are wanted and not needed: each has seconds, and one that hangs is not asked again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.core.errors import DeviceFailedError
from lab.devices.remote.shell import Shell, said

TOGETHER_S = 10.0
APART_S = 5.0
BUDGET_S = 20.0  # of all that are asked one by one


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
