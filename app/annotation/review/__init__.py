"""Where to spend people: ``POST /review``."""
