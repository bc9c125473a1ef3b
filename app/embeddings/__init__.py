"""The encoder alone, in the form of OpenAI's API: ``POST /v1/embeddings`` and ``GET /v1/models``."""
