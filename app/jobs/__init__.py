"""Background jobs on Redis and RQ: ``/jobs``. `records` and `store` keep them, `execution` runs one attempt."""
