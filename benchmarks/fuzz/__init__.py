"""Readers of untrusted bytes and the commands over them, given mutated inputs for a chosen time.

    python -m benchmarks.fuzz --minutes 20

Reports what must never happen: an exception that is no LabError (or a command that calls itself a bug), an input that
takes over 20 s or 500 MB, a control character on stdout or stderr, a file outside the folder of the input. Each finding
keeps its input in the folder that `--keep` names. The tests have the same readers, bounded to seconds (hypothesis).
"""
