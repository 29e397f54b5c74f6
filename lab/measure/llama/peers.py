"""The projects whose llama-bench lab drives, by the names that --engine takes."""

from __future__ import annotations

from lab.measure.llama.ik_llama import IkLlama
from lab.measure.llama.llama_cpp import LlamaCpp
from lab.measure.llama.peer import Peer

LLAMA_CPP, IK_LLAMA = LlamaCpp(), IkLlama()
PEERS: dict[str, Peer] = {peer.name: peer for peer in (LLAMA_CPP, IK_LLAMA)}
