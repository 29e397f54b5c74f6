"""Backend `mlc`: libraries that an installed mlc_llm compiles."""
