"""Backends that turn a model and a target into a library and a bundle."""
