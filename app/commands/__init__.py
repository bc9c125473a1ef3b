"""Commands of the command line that have many options, and what several commands share."""
