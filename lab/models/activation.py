"""What stands between the two products of a feed-forward block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ActivationName = Literal["silu", "gelu", "gelu_tanh", "gegelu"]


@dataclass(frozen=True)
class Activation:
    """A function of the first product's rows; with s the logistic function:

    - "silu": v * s(v); "gelu": v times the distribution function of the normal distribution;
      "gelu_tanh": v / 2 * (1 + tanh(sqrt(2 / pi) * (v + 0.044715 v**3))), which is "gelu_new" too.
      `gated`, a row is a half of gates and a half of ups: function(gate) * up; else the function of the whole row.
    - "gegelu", always gated: gate * s(1.702 gate) * (up + 1), with the gate at most `limit` and the up within
      +-`limit`; None limits nothing.
    """

    name: ActivationName = "silu"
    gated: bool = True
    limit: float | None = None

    @property
    def halves(self) -> int:
        """How many rows of the product make one of the result."""
        return 2 if self.gated else 1


SILU_GATED = Activation()
