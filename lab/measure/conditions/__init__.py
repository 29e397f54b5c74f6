"""What surrounds a repetition: a quiet device, its clocks and heat, its quota."""
