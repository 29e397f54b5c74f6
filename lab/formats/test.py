"""A test by its numbers of tokens: what is measured, recorded, compared, accepted and imported is one each time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from lab.core.fields import KeepsUnknown
from lab.formats.kinds import Count


class HasTest(Protocol):
    """What has the three numbers among its own fields, as documents do."""

    @property
    def prompt(self) -> int:
        """Tokens that are prefilled."""

    @property
    def generate(self) -> int:
        """Tokens that are generated after them."""

    @property
    def depth(self) -> int:
        """Tokens in the cache before them."""


@dataclass(frozen=True, order=True)
class Test:
    """One test: `prompt` tokens in, `generate` tokens out, after `depth` tokens already in the cache.

    lab's own tests have both phases; a test of another program can lack one, which then has 0 tokens.
    """

    __test__: ClassVar[bool] = False  # nothing that pytest should collect

    prompt: int
    generate: int
    depth: int = 0

    @classmethod
    def of(cls, one: HasTest) -> Test:
        """Return the test that something is of."""
        return cls(one.prompt, one.generate, one.depth)

    @property
    def label(self) -> str:
        """The test as peers name it: pp512+tg128, with @d2048 at a depth."""
        phases = [f"pp{self.prompt}"] * bool(self.prompt) + [f"tg{self.generate}"] * bool(self.generate)
        return ("+".join(phases) or "data set") + (f"@d{self.depth}" if self.depth else "")

    @property
    def context(self) -> int:
        """Tokens that the KV cache must hold."""
        return self.prompt + self.generate + self.depth


@dataclass(frozen=True)
class RecordedTest(KeepsUnknown):
    """A test as documents hold it: its numbers, and keys of a newer lab."""

    prompt: Count
    generate: Count
    depth: Count


def recorded(one: HasTest) -> RecordedTest:
    """Return the test that something is of, as documents hold it."""
    return RecordedTest(one.prompt, one.generate, one.depth)
