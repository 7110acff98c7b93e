"""Entry of the ``rtbci`` command."""

from __future__ import annotations

import os
import sys

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def main() -> None:
    """Run the command line and exit with its code: 0 done, 1 found different or failed, 2 bad input."""
    for name in ONE_THREAD:  # before NumPy is loaded: matrices are small, and rounding must not depend on the load
        os.environ.setdefault(name, "1")
    from rtbci.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
