"""The version of lab. A file that imports nothing: all may read it."""

__version__ = "0.1.0"
