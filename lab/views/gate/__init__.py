"""The outcome of a gate, for people and for the servers that run it."""
