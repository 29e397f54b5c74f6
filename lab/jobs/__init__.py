"""What a verb does, without a command line and without a terminal: build, measure, judge, look after."""
