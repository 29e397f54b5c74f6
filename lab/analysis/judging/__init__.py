"""From two sides of a history to verdicts in words."""
