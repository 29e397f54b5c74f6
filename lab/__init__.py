"""lab: the bench that measures language models on the devices they are meant for."""

__version__ = "0.1.0"
