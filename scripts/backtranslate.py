"""What `accelerate launch` starts in every process: `musl backtranslate` with the same arguments."""

from __future__ import annotations

import sys

from musl.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "backtranslate")
    main()
