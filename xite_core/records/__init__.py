"""Examples in files: streaming readers, writers, and the schema of an augmentation's output."""
