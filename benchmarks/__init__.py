"""Measurements, each beside a peer in the same run; figures and machine in README.md."""
