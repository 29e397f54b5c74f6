"""Model presets, quantisation, weights and the Relax modules."""
