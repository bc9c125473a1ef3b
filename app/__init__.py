"""XITE as a service: command line, HTTP interface, workers."""
