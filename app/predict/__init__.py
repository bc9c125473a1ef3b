"""Classify texts by a fine-tuned head: ``POST /predict``."""
