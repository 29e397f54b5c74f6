"""TinyGPT-V: Phi-2 with normalised queries, keys and attention, behind an image encoder."""
