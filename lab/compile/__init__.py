"""Backends that turn a model and a target into a library and a bundle."""

import sys

import lab

sys.modules[__name__].__class__ = lab.CompilePackage  # `lab.compile(...)` is a function of lab's, and has this name
