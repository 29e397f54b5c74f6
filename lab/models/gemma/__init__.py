"""Gemma, of the first generation, and Octopus v2, which is one: numbers with their sources, config.json, names."""
