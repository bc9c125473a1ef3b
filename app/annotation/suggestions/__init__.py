"""Labels for Argilla and doccano: ``POST /argilla/suggestions`` and ``POST /doccano/label``."""
