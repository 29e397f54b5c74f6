"""Phi-2 and its kind: parallel blocks, LayerNorm, biases, a rotation of part of each head."""
