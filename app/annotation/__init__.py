"""What annotation tools ask: Label Studio, Argilla and doccano, and the review of a text set."""
