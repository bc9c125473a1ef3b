"""How well a model does: metrics with intervals."""
