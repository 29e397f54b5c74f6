"""What pages show beside boards: series with their levels, which runs have a page, links to commits."""
