"""Results of other programs, into recorded runs and out of them."""
