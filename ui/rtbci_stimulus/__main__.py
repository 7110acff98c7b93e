"""``python -m rtbci_stimulus``: present a paradigm."""

from __future__ import annotations

import sys

from rtbci_stimulus.app import main

if __name__ == "__main__":
    sys.exit(main())
