"""Benchmarks that answer one question each; they need a checkout, and stay outside the wheel."""
