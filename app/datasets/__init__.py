"""Datasets: upload, validate, keep, list and delete."""
