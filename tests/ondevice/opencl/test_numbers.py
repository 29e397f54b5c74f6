"""What goes to the device, is computed there and comes back is right."""

from __future__ import annotations

from tests.ondevice.opencl.conftest import Bench


def test_copies_of_any_size_come_back(bench: Bench) -> None:
    # 64 KiB is the largest write that is kept aside instead of waited for, 16 MiB one block of a large one.
    said = bench.run(
        """
        sizes = [0, 1, 3, 17, 4095, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, (16 << 20) + 5, (33 << 20) + 1]
        random = np.random.default_rng(1)
        wrong = []
        for size in sizes:
            given = random.integers(0, 256, size, dtype="uint8")
            there = put(given)
            second = empty((size,), "uint8")
            there.copyto(second)
            if not (np.array_equal(there.numpy(), given) and np.array_equal(second.numpy(), given)):
                wrong.append(size)
        out(wrong=wrong, total=sum(sizes), stats=stats())
        """
    )
    assert said["wrong"] == []
    assert said["stats"]["to_device_bytes"] == said["total"]
    assert said["stats"]["from_device_bytes"] == 2 * said["total"]


def test_copies_at_offsets_touch_nothing_else(bench: Bench) -> None:
    said = bench.run(
        """
        given = np.arange(1000, dtype="uint8")
        whole = put(given)
        got = []
        for offset, size in [(1, 7), (63, 64), (500, 500), (999, 1)]:
            view = whole._create_view((size,), "uint8", offset)
            got.append(np.array_equal(view.numpy(), given[offset : offset + size]))
            view.copyfrom(np.full(size, 9, dtype="uint8"))
            given[offset : offset + size] = 9
            got.append(np.array_equal(whole.numpy(), given))
        other = empty((1000,), "uint8")
        other.copyfrom(np.zeros(1000, dtype="uint8"))
        whole._create_view((10,), "uint8", 490).copyto(other._create_view((10,), "uint8", 3))
        between = np.zeros(1000, dtype="uint8")
        between[3:13] = given[490:500]
        got.append(np.array_equal(other.numpy(), between))
        out(got=got)
        """
    )
    assert said["got"] == [True] * 9


def test_a_small_write_is_of_the_moment_it_was_made(bench: Bench) -> None:
    # Behind so many launches the write is still waiting when the host's memory changes.
    said = bench.run(
        """
        one, two = put(np.zeros(256, dtype="float32")), empty((256,))
        memory = np.zeros(64 + 16, dtype="float32")
        host = memory[-memory.ctypes.data % 64 // 4 :][:64]
        source, there = tvm.runtime.from_dlpack(host), [empty((64,)) for _ in range(100)]
        for _ in range(5000):
            kernels["add"](one, two, 1.0)
        for value, tensor in enumerate(there):
            host[:] = value
            source.copyto(tensor)
        host[:] = -1
        out(wrong=[i for i, tensor in enumerate(there) if not (tensor.numpy() == i).all()])
        """
    )
    assert said["wrong"] == []


def test_scalars_of_each_type(bench: Bench) -> None:
    said = bench.run(
        """
        integers, reals = empty((7,), "int64"), empty((2,), "float64")
        kernels["integers"](integers, -5, -300, -70000, -(1 << 40), 200, 60000, 4000000000)
        kernels["reals"](reals, 0.1, 0.1)
        out(integers=integers.numpy().tolist(), reals=reals.numpy().tolist(), single=float(np.float32(0.1)))
        """
    )
    assert said["integers"] == [-5, -300, -70000, -(1 << 40), 200, 60000, 4000000000]
    assert said["reals"] == [said["single"], 0.1]


def test_three_dimensions_and_an_empty_one(bench: Bench) -> None:
    said = bench.run(
        """
        grid = empty((5, 3, 2), "int32")
        kernels["grid"](grid, 5)
        x, y, z = np.meshgrid(range(5), range(3), range(2), indexing="ij")
        before = stats()["launches"]
        untouched = put(np.full((0, 3, 2), 7, dtype="int32"))
        kernels["grid"](untouched, 0)
        out(right=bool((grid.numpy() == 100 * x + 10 * y + z).all()), more=stats()["launches"] - before)
        """
    )
    assert said["right"]
    assert said["more"] == 0


def test_launches_follow_each_other(bench: Bench) -> None:
    said = bench.run(
        """
        one, two = put(np.zeros(256, dtype="float32")), empty((256,))
        for _ in range(100):
            kernels["add"](one, two, 1.0)
            kernels["scale"](two, one, 1.0)
        out(values=sorted(set(one.numpy().tolist())), stats=stats())
        """
    )
    assert said["values"] == [100.0]
    assert said["stats"]["launches"] == 200
    assert said["stats"]["programs_built"] == 2


def test_threads_do_not_get_in_each_others_way(bench: Bench) -> None:
    said = bench.run(
        """
        import threading
        wrong = []
        def work(number):
            for step in range(50):
                one, two = put(np.full(256, number, dtype="float32")), empty((256,))
                kernels["add"](one, two, float(step))
                if not (two.numpy() == number + step).all():
                    wrong.append((number, step))
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        out(wrong=wrong, launches=stats()["launches"])
        """
    )
    assert said["wrong"] == []
    assert said["launches"] == 200


def test_workspace_is_used_again(bench: Bench) -> None:
    said = bench.run(
        """
        import ctypes
        library = ctypes.CDLL("libtvm_runtime.so")
        library.TVMBackendAllocWorkspace.restype = ctypes.c_void_p
        number = ctypes.c_int
        library.TVMBackendAllocWorkspace.argtypes = [number, number, ctypes.c_uint64, number, number]
        library.TVMBackendFreeWorkspace.argtypes = [number, number, ctypes.c_void_p]
        def take(size):
            return library.TVMBackendAllocWorkspace(4, 0, size, 2, 32)
        first, second = take(1000), take(5000)
        library.TVMBackendFreeWorkspace(4, 0, second)
        library.TVMBackendFreeWorkspace(4, 0, first)
        out(same=[take(1001) == first, take(1) == second, take(1) in (first, second)], held=stats()["alloc_bytes"])
        """
    )
    assert said["same"] == [True, True, False]
    assert said["held"] == 4096 + 8192 + 4096
