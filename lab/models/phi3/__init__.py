"""Phi-3: the numbers of each model with their sources, config.json, and the names of other tools."""
