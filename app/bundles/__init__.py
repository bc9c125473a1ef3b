"""List, activate, roll back and delete bundles."""
