"""Pictures of recorded runs for notebooks: `lab.plot.history(frame)`, `depth`, `devices`, `itl` and `roofline`.

A frame is what `lab.open().frame()` gives, or any rows of it. Each function returns matplotlib's Axes, and draws
into `ax` where one is given. matplotlib is an extra: pip install 'phi-lab[plot]'.
"""

from lab.plot.curves import depth, history
from lab.plot.devices import devices
from lab.plot.gaps import itl
from lab.plot.roofs import roofline

__all__ = ["depth", "devices", "history", "itl", "roofline"]
