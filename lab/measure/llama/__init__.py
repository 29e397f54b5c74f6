"""llama.cpp and ik_llama.cpp as engines beside ours: driven by their own llama-bench, whose rows are checked."""
