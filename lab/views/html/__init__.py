"""A dashboard as one page that needs nothing else."""
