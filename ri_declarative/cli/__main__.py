"""`python -m ri_declarative.cli`, the same as `ri`."""

from __future__ import annotations

import sys

from ri_declarative.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
