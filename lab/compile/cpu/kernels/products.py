"""The integer products of x86 with 16 registers: how weights are unpacked, multiplied and summed, group by group.

- `vpdpbusd`: bytes, summed in int32.
- `maddubs`, 4 bits: a pair of products is at most 2 * 15 * 127, so the eight steps of a group of 32 sum to 30480 and
  stay in 16 bits. One widening a group takes the place of eight; its factors, 254 and 1, join two terms.
- `maddubs`, 8 bits: pairs of bytes would overflow 16 bits. `vpmaddwd` multiplies activations of 16 bits, both terms in
  one, by the weights' even and odd bytes.
"""

from __future__ import annotations

from tvm.script import tirx as T

from lab.compile.cpu.isa import Isa
from lab.compile.cpu.kernels.dot import STEPS_OF_REST, dot_step, half, joins, madd_pairs, madd_words
from lab.compile.tir.vec import Expr, splat, to_f32


class Products:
    """The expressions of one record and number of bits.

    A load of packed weights becomes `factors` vectors of `items` values of type `item`; a group has `steps` of them.
    Sums are of type `sums`. `words` says that activations are of 16 bits.
    """

    def __init__(self, isa: Isa, bits: int) -> None:
        self.isa, self.bits, self.join = isa, bits, joins(isa, bits)
        self.words, self.short = self.join == "values", self.join == "bias"
        self.factors = 2 if self.words or bits == 4 else 1
        self.steps = self.factors * bits
        self.sums = f"int16x{isa.lanes * 2}" if self.short else f"int32x{isa.lanes}"
        self.item, self.items = ("int16", isa.lanes * 2) if self.words else ("uint8", isa.lanes * 4)

    def factor(self, packed: Expr, which: int) -> Expr:
        """Return the weights that meet one activation word each, of a load of packed ones."""
        if self.words:
            pairs = T.reinterpret(f"uint16x{self.items}", packed)
            few, eight = splat(T.uint16(255), self.items), splat(T.uint16(8), self.items)
            return T.reinterpret(f"int16x{self.items}", T.shift_right(pairs, eight) if which else pairs & few)
        return half(self.isa, self.bits, packed, which) if self.factors == 2 else packed

    def first(self, bias: Expr) -> Expr:
        """Return what a sum begins at."""
        return splat(T.int16(0), self.isa.lanes * 2) if self.short else splat(bias, self.isa.lanes)

    def step(self, total: Expr, factor: Expr, word: Expr) -> Expr:
        """Return a sum with the products of a factor and a word of activations added."""
        if self.words:
            return total + madd_words(self.isa, factor, self._spread("int16", word))
        acts = self._spread("int8", word)
        if self.short:
            return total + madd_pairs(self.isa, factor, acts)
        return dot_step(self.isa, self.bits, total, factor, acts)

    def step_in_order(self, total: Expr, factor: Expr, word: Expr) -> Expr:
        """Return the same, of which LLVM can't see the parts.

        It would multiply everything first, and then add up a tree of what it had to spill.
        """
        total = self.step(total, factor, word)
        if self.join == "sums":  # one instruction adds and multiplies
            return total
        floats = f"float32x{self.isa.lanes}"
        hidden = T.call_llvm_pure_intrin(floats, "llvm.arithmetic.fence", T.reinterpret(floats, total))
        return T.reinterpret(self.sums, hidden)

    def alone(self, total: Expr, bias: Expr) -> Expr:
        """Return a group's sum as float32, of one term, or of both where activations have 16 bits."""
        if self.short:
            total = madd_words(self.isa, total, self._times(1)) + splat(bias, self.isa.lanes)
        return to_f32(total, self.isa.lanes)

    def joined(self, first: Expr, second: Expr, bias: Expr) -> Expr:
        """Return a group's sum in steps of the second term, as float32."""
        lanes = self.isa.lanes
        if self.short:
            high = madd_words(self.isa, first, self._times(STEPS_OF_REST))
            low = madd_words(self.isa, second, self._times(1))
            return to_f32(high + low + splat(bias, lanes), lanes)
        return to_f32(first, lanes) * splat(T.float32(STEPS_OF_REST), lanes) + to_f32(second, lanes)

    def _spread(self, item: str, word: Expr) -> Expr:
        """Return a word in all lanes."""
        return T.reinterpret(f"{item}x{self.items}", splat(word, self.isa.lanes))

    def _times(self, factor: int) -> Expr:
        return splat(T.int16(factor), 2 * self.isa.lanes)
