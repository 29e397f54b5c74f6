"""Documents that lab reads and writes, each with its version: what they hold, and what they must keep."""
