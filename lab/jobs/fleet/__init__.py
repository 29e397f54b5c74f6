"""`lab run` on several targets: a process for each, one table for all."""
