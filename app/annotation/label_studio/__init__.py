"""The machine learning backend protocol of Label Studio, under ``/label-studio``."""
