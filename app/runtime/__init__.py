"""What computes: loaded bundles, the queue, batches, one compute thread."""

from app.runtime.residents import Resident, Residents
from app.runtime.runtime import Runtime

__all__ = ["Resident", "Residents", "Runtime"]
