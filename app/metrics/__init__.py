"""What the service counts, for Prometheus; the only user of ``prometheus_client``."""
