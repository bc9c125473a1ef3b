"""Coverage-guided fuzzing of everything that parses a stranger's bytes: ``make fuzz``."""
