"""What an account's environment may hold that would give a program fewer threads or cores than it asks for."""

from __future__ import annotations

LIMITS_OF_THREADS = (
    "OMP_NUM_THREADS",
    "OMP_THREAD_LIMIT",
    "OMP_DYNAMIC",
    "OMP_PLACES",
    "OMP_PROC_BIND",
    "GOMP_CPU_AFFINITY",
    "KMP_AFFINITY",
    "TVM_NUM_THREADS",
)
