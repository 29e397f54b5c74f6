"""llama.cpp as an engine beside ours: driven through its own llama-bench, believed only when it bears out."""
