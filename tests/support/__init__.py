"""What several tests share."""

import os

# Small matrices: more threads only fight for the cores. Before any numeric library is imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
