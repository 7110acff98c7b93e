"""``python -m rtbci_ui RUN_FOLDER``: show a running session."""

from __future__ import annotations

import sys

from rtbci_ui.app import main

if __name__ == "__main__":
    sys.exit(main())
