"""Phi-3-small: block-sparse attention in every second layer, LayerNorm, biases, gegelu and muP's multipliers."""
