"""``python -m retention``: every answer and order without a browser."""

import os

# Before anything imports numpy or scikit-learn: idle OpenMP threads that spin starve a small machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count() or 1))
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from retention.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
