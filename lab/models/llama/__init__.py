"""Networks of the Llama kind as Meta published it, and those that follow it: ChuXin, SmolLM2, Qwen2.5."""
