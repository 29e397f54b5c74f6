"""`lab` with one model more, for tests that hold all around a network: its width would only take time there.

`python -m tests.narrow ...` is `python -m lab ...` with a preset `phi3-narrow`: Phi-3-mini with heads of the same
size, but an eighth as many, and a small vocabulary. Processes that it starts for several targets know it too.
"""

from __future__ import annotations

from dataclasses import replace

from lab.cli import entry as lab
from lab.jobs.fleet import member
from lab.models.family import Preset
from lab.models.phi3.config import Phi3Config
from lab.models.phi3.presets import PRESETS

NAME = "phi3-narrow"
MODEL = f"{NAME}-q4"
_MINI = PRESETS["phi3-mini"].config
assert isinstance(_MINI, Phi3Config)
CONFIG = replace(
    _MINI,
    hidden_size=_MINI.hidden_size // 8,
    intermediate_size=_MINI.intermediate_size // 8,
    num_attention_heads=_MINI.num_attention_heads // 8,
    num_key_value_heads=_MINI.num_key_value_heads // 8,
    vocab_size=2048,
)
PRESET = Preset(NAME, CONFIG, "made up for tests")


def entry() -> None:
    """Run the command line of this process; never returns."""
    PRESETS[NAME] = PRESET
    member._ENTRY = f"from {__spec__.name} import entry; entry()"
    lab()


if __name__ == "__main__":
    entry()
