"""Where a history moved to another level, and which of those moves somebody has accepted."""
