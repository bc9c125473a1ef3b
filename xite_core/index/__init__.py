"""Labeled anchors and the search over them; the only place that imports faiss."""
