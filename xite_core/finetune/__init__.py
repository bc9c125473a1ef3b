"""Fine-tuning on interpolated examples, at three depths (METHOD step 4)."""
