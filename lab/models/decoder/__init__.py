"""The decoder that networks of the Llama kind have in common, and Phi-3 too."""
