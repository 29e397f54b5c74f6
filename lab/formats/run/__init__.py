"""The parts of a run record: its blocks, its tests and repetitions, the shapes of what only some runs have."""
