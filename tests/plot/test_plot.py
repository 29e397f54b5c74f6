"""lab.plot: what is drawn is what the frame holds, in the unit that the axis names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from scipy.stats import t

import lab.plot
from lab.analysis.run.frame import to_frame
from lab.core.errors import UsageError
from lab.formats.run_record import RunRecord
from tests.analysis.documents import DOCUMENT, MODEL, cell, failed_repetition, gpu_document, record
from tests.analysis.sessions import session

GIB = 1 << 30


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    matplotlib.use("Agg")
    yield
    pyplot.close("all")


def nights(count: int, rate: float, first: int = 0, **changes: Any) -> list[RunRecord]:
    return [session(24 * (first + one), rate * (1 + 0.002 * (one * 7 % 5)), **changes) for one in range(count)]


def of(name: str) -> dict[str, Any]:
    return {"target": {"name": name, "spec": {}}}


def written(ax: Axes) -> str:
    return " ".join([ax.get_title(loc="left"), *(one.get_text() for one in ax.texts)])


def drawn_bars(ax: Axes) -> np.ndarray[Any, Any]:
    """The ends of the error bars, in the axes' units. [N, 2]"""
    (bars,) = [one for one in ax.collections if isinstance(one, LineCollection)]
    return np.array([[float(end[1]) for end in segment] for segment in bars.get_segments()])


def test_history_shows_sessions_ranges_levels_and_the_change() -> None:
    frame = to_frame([*nights(12, 10.0), *nights(12, 8.0, first=12)])
    ax = lab.plot.history(frame)
    assert ax.get_ylabel() == "Decode [tok/s]"
    points = ax.lines[0]
    medians = frame.groupby("run_id", sort=False)["decode_tok_per_s"].agg(["median", "min", "max"])
    assert np.asarray(points.get_ydata(), float) == pytest.approx(medians["median"].to_numpy())
    assert drawn_bars(ax) == pytest.approx(medians[["min", "max"]].to_numpy())
    (change,) = [line for line in ax.lines if line.get_linestyle() == ":"]
    assert pd.Timestamp(np.asarray(change.get_xdata())[0]) == pd.Timestamp("2026-11-13", tz="UTC")
    assert "-20.0 %" in written(ax)
    levels = [float(np.asarray(line.get_ydata())[0]) for line in ax.lines if line.get_linestyle() == "--"]
    assert levels == pytest.approx([np.median(medians["median"][:12]), np.median(medians["median"][12:])])


def test_depth_has_the_interval_of_students_t_over_sessions() -> None:
    rates = [9.0, 10.0, 11.0, 10.5]
    cells = [[cell([rate * off] * 3, [50.0] * 3, depth=at) for at, off in ((0, 1.0), (2048, 0.7))] for rate in rates]
    ax = lab.plot.depth(to_frame([session(number, 1.0, cells=one) for number, one in enumerate(cells)]))
    assert list(np.asarray(ax.lines[0].get_xdata())) == [0, 2048]
    middle = np.exp(np.median(np.log(rates)))
    assert np.asarray(ax.lines[0].get_ydata(), float) == pytest.approx([middle, 0.7 * middle])
    half = t.ppf(0.975, 3) * np.log(rates).std(ddof=1) / 2
    assert drawn_bars(ax)[0] == pytest.approx([middle * np.exp(-half), middle * np.exp(half)])
    assert ax.get_xlabel() == "depth [tokens in the cache]"
    assert "95 % confidence interval over sessions" in written(ax)
    assert "under 3" not in written(ax)


def test_devices_are_sorted_and_nothing_is_mixed() -> None:
    runs = [*nights(3, 10.0, **of("local")), *nights(3, 14.0, **of("phone")), *nights(1, 12.0, **of("board"))]
    ax = lab.plot.devices(to_frame(runs))
    assert [one.get_text() for one in ax.get_yticklabels()] == ["local", "board", "phone"]  # from the bottom up
    assert "range of the repetitions where there are under 3" in written(ax)
    memory = lab.plot.devices(to_frame(runs), "rss_peak_bytes")
    assert memory.get_xlabel() == "Peak memory [GiB], shorter is better"
    assert memory.patches[0].get_width() == pytest.approx(3, rel=0.01)  # type: ignore[attr-defined]
    two = [*runs, *nights(3, 20.0, **of("local"), engine={**DOCUMENT["engine"], "name": "llama.cpp"})]
    names = [one.get_text() for one in lab.plot.devices(to_frame(two)).get_yticklabels()]
    assert names == ["local tvm", "board tvm", "phone tvm", "local llama.cpp"]


def test_itl_has_percentiles_and_says_what_is_beyond_the_axis() -> None:
    one = cell([10.0] * 3, [50.0] * 3)
    one["repetitions"][0]["itl_s"][0] = 2.0
    ax = lab.plot.itl(to_frame([record(cells=[one])], raw=True))
    (label,) = [text.get_text() for text in ax.get_legend().get_texts()]
    assert label == "p50 100.0 ms, p90 100.0 ms, p99 100.0 ms"
    assert "1 of 381 gaps are longer, up to 2000.0 ms" in written(ax)
    assert ax.get_xlabel() == "gap between tokens [ms]"
    assert sum(ax.patches[0].get_path().vertices[:, 1] >= 99) >= 2  # type: ignore[index,call-overload,operator]
    with pytest.raises(UsageError, match="no raw samples"):
        lab.plot.itl(to_frame([record()]))


def test_the_roofline_is_that_of_the_session() -> None:
    ax = lab.plot.roofline(record())
    (roof,) = [line for line in ax.lines if len(np.asarray(line.get_xdata())) == 100]
    x, y = np.asarray(roof.get_xdata(), float), np.asarray(roof.get_ydata(), float)
    assert y[0] / x[0] == pytest.approx(32e9)  # the median of the passes of the document
    assert y.max() <= 1.05e12
    assert "32.0 GB/s" in written(ax)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {"decode", "prefill"}
    assert "a GPU has no measured roofs" in written(lab.plot.roofline(record(**gpu_document())))
    with pytest.raises(UsageError, match="a frame has no roofs"):
        lab.plot.roofline(to_frame([record()]))  # type: ignore[arg-type]


def test_what_a_reader_has_to_know_is_above_the_picture() -> None:
    part = record(
        model={**MODEL, "layers": 2, "label": "phi3-mini-q4@2l"}, device={**DOCUMENT["device"], "emulated": True}
    )
    for ax in (lab.plot.history(to_frame([part])), lab.plot.roofline(part)):
        for said in ("random weights", "part of a model: 2 of 32 layers", "emulated device"):
            assert said in written(ax)
    whole = record(weights={**DOCUMENT["weights"], "synthetic": False, "source": "huggingface"})
    assert "random" not in written(lab.plot.history(to_frame([whole])))


def test_failed_repetitions_and_other_conditions_are_not_averaged_in() -> None:
    one = cell([10.0] * 3, [50.0] * 3)
    one["repetitions"][2] = failed_repetition(2, "killed by SIGSEGV")
    frame = to_frame([session(0, 1.0, cells=[one]), session(24, 1.0, engine={**DOCUMENT["engine"], "threads": 4})])
    ax = lab.plot.history(frame)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["2 threads", "4 threads"]
    assert float(np.asarray(ax.lines[0].get_ydata())[0]) == 10.0


def test_too_much_for_one_picture_and_nothing_for_any() -> None:
    many = to_frame([run for name in range(13) for run in nights(1, 10.0, **of(f"phone-{name}"))])
    with pytest.raises(UsageError, match="13 series are too many") as caught:
        lab.plot.history(many)
    assert "frame[frame['target']" in str(caught.value.hint)
    with pytest.raises(UsageError, match="no finished repetition"):
        lab.plot.depth(many[many["target"] == "nothing"])
    with pytest.raises(UsageError, match="Did you mean"):
        lab.plot.devices(many, "decode_tok_s")


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(UsageError, match="needs matplotlib") as caught:
        lab.plot.history(to_frame([record()]))
    assert caught.value.hint == "pip install 'phi-lab[plot]'"


def test_it_draws_into_the_axes_that_it_is_given() -> None:
    _, ax = pyplot.subplots()
    assert lab.plot.history(to_frame([record()]), ax=ax) is ax
