"""Augmented texts as files for annotation tools."""
