"""Match target texts and make synthetic embeddings: ``POST /match`` and ``POST /augment``."""
