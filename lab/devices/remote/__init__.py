"""A device at the other end of a link: run, push, pull, facts, over any transport."""
