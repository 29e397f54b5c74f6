"""`lab bisect`: git finds the commit, child processes build, measure and judge each one."""
