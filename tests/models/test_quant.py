import numpy as np
import pytest

from lab.core.errors import ModelError
from lab.models.convert.encode import dequantise_fast, integers_fast, scales_fast
from lab.models.quant import SCHEMES, dequantise, quantise, scheme

Q4, Q8 = SCHEMES["q4"], SCHEMES["q8"]


def plainly(row, bits):
    """Quantise one group of 32 as the documentation says, value by value."""
    extreme = max((float(v) for v in row), key=lambda v: (abs(v), v < 0))
    scale = np.float16(
        np.float32(extreme) / np.float32(-8) if bits == 4 else np.float32(abs(extreme)) / np.float32(127)
    )
    if scale == 0:
        return [0] * len(row), scale
    inverse = np.float32(1) / np.float32(scale)
    low, high = (-8, 7) if bits == 4 else (-127, 127)
    return [int(min(max(round(float(np.float32(v) * inverse)), low), high)) for v in row], scale


def rows_of_all_kinds():
    rng = np.random.default_rng(1)
    w = rng.normal(0, 0.02, (40, 96)).astype(np.float32)
    w[0] = 0
    w[1, :32] = 0.25  # all the same
    w[2, 3], w[2, 9] = 0.5, -0.5  # a tie of magnitudes
    w[3] = -w[3]
    w[4] *= 1e-7  # scales below float16's smallest
    w[5] *= 1e-5  # scales that float16 holds coarsely
    w[6] *= 1e5
    w[7, :32] = np.arange(-16, 16) / 2  # halves: rounding to even
    w[8] = np.where(np.arange(96) % 32, 0, -1)
    w[9] = -0.0
    return w


@pytest.mark.parametrize("bits", [4, 8])
def test_the_oracle_is_what_its_documentation_says(bits):
    w = rows_of_all_kinds()
    q, scale = quantise(w, Q4 if bits == 4 else Q8)
    for n in range(len(w)):
        for g in range(3):
            expected, s = plainly(w[n, g * 32 : g * 32 + 32], bits)
            assert q[n, g * 32 : g * 32 + 32].tolist() == expected, (n, g)
            assert scale[n, g] == s, (n, g)


@pytest.mark.parametrize("chosen", [Q4, Q8])
def test_the_fast_path_equals_the_oracle_bit_for_bit(chosen):
    for seed in range(3):
        w = rows_of_all_kinds() if seed == 0 else random_bits(seed)
        q, scale = quantise(w, chosen)
        fast_scale = scales_fast(w, chosen)
        fast_q = integers_fast(w.copy(), fast_scale, chosen)
        assert fast_q.tobytes() == q.tobytes()
        assert fast_scale.tobytes() == scale.tobytes()
        assert dequantise_fast(q, scale).tobytes() == dequantise(q, scale).tobytes()


def random_bits(seed):
    """Values of every exponent that a float16 scale can carry, and far below."""
    bits = np.random.default_rng(seed).integers(0, 1 << 32, (64, 256), dtype=np.uint32)
    w = bits.view(np.float32)
    return np.where(np.isfinite(w) & (np.abs(w) < 1e5), w, np.float32(0))


def test_the_largest_value_of_a_q4_group_is_exact():
    w = np.random.default_rng(2).normal(0, 0.02, (16, 64)).astype(np.float16).astype(np.float32)
    back = dequantise(*quantise(w, Q4))
    groups, restored = w.reshape(-1, 32), back.reshape(-1, 32)
    largest = np.abs(groups).argmax(axis=1)
    rows = np.arange(len(groups))
    assert (restored[rows, largest] == groups[rows, largest]).all()


@pytest.mark.parametrize(("chosen", "bound"), [(Q4, 1 / 16), (Q8, 1 / 253)])
def test_every_value_is_within_half_a_step(chosen, bound):
    w = np.random.default_rng(3).normal(0, 0.02, (32, 128)).astype(np.float32)
    error = np.abs(dequantise(*quantise(w, chosen)) - w).reshape(32, -1, 32).max(axis=2)
    extreme = np.abs(w).reshape(32, -1, 32).max(axis=2)
    # q4 has no +8: a value that is nearly the opposite of the extreme is cut to 7/8 of it.
    allowed = extreme * (bound * (2 if chosen is Q4 else 1)) * 1.01
    assert (error <= allowed).all()


def test_values_too_large_for_a_scale_give_a_scale_that_is_not_finite():
    _, scale = quantise(np.full((1, 32), 1e7, np.float32), Q4)
    assert not np.isfinite(scale).any()


def test_the_table():
    assert list(SCHEMES) == ["q4", "q8", "f16", "f32"]
    assert [SCHEMES[name].weight_dtype for name in SCHEMES] == ["uint8", "uint8", "float16", "float32"]
    assert scheme("q4").mlc_name == "q4f16_1"
    with pytest.raises(ModelError, match="Did you mean"):
        scheme("q44")
