"""Kinds of values that the file formats share, as annotations with their limits."""

from __future__ import annotations

from typing import Annotated

from lab.core.fields import Limits, Moment
from lab.core.names import MODEL_LABEL, RUN_ID, SAFE_NAME, SHA256

MOST = 2**63 - 1  # what columns of tables hold

Count = Annotated[int, Limits(min=0, max=MOST)]
Positive = Annotated[int, Limits(min=1, max=MOST)]
Bytes = Annotated[int, Limits(min=0, max=MOST, unit="bytes")]
Seconds = Annotated[float, Limits(min=0, unit="s")]
NotNegative = Annotated[float, Limits(min=0)]
Name = Annotated[str, Limits(pattern=SAFE_NAME)]
ModelLabel = Annotated[str, Limits(pattern=MODEL_LABEL)]
RunId = Annotated[str, Limits(pattern=RUN_ID)]
Sha256 = Annotated[str, Limits(pattern=SHA256)]
UtcTime = Annotated[str, Moment()]
