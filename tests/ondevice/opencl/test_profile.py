"""Kernel times by events."""

from __future__ import annotations

from tests.ondevice.opencl.conftest import Bench

LAUNCH = """
one, two = put(np.zeros(256, dtype="float32")), empty((256,))
for _ in range(7):
    kernels["add"](one, two, 1.0)
for _ in range(3):
    kernels["scale"](two, one, 1.0)
first = json.loads(F("lab.opencl.profile")())
kernels["scale"](two, one, 1.0)
out(first=first, second=json.loads(F("lab.opencl.profile")()), third=json.loads(F("lab.opencl.profile")()))
"""


def test_every_launch_is_counted_once(bench: Bench) -> None:
    said = bench.run(LAUNCH, {"profile": True})
    assert {row["kernel"]: row["count"] for row in said["first"]} == {"add_kernel": 7, "scale_kernel": 3}
    assert all(row["total_ns"] > 0 for row in said["first"])
    times = [row["total_ns"] for row in said["first"]]
    assert times == sorted(times, reverse=True)
    assert [(row["kernel"], row["count"]) for row in said["second"]] == [("scale_kernel", 1)]
    assert said["third"] == []


def test_many_launches_between_two_waits(bench: Bench) -> None:
    said = bench.run(
        """
        one, two = put(np.zeros(256, dtype="float32")), empty((256,))
        for _ in range(5000):
            kernels["add"](one, two, 1.0)
        out(rows=json.loads(F("lab.opencl.profile")()), launches=stats()["launches"])
        """,
        {"profile": True},
    )
    assert [row["count"] for row in said["rows"]] == [said["launches"]] == [5000]


def test_nothing_is_timed_unasked(bench: Bench) -> None:
    assert bench.run(LAUNCH)["first"] == []
