"""`musl loop` with the same arguments, for what starts Python files: a cluster's queue, a debugger."""

from __future__ import annotations

import sys

from musl.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "loop")
    main()
