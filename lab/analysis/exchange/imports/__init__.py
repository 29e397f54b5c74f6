"""Tests of other programs to recorded runs, each once."""
