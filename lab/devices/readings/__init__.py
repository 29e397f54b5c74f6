"""What a device tells of itself: facts and state out of its files and its own programs."""
