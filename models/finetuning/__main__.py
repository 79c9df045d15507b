"""`python -m models.finetuning CONFIG.yaml`: a run in a process of its own, which takes torch with it when it ends.

Prints a line of JSON after each step (the fields of `Progress`), and at the end {"result": ...} with those of
`FinetuneResult`. Ends with 2 and one line `error: ...` where the run cannot be carried out.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from models.errors import ModelError
from models.finetuning.config import read_config


def main() -> int:
    """The exit status."""
    if len(sys.argv) != 2:
        print("usage: python -m models.finetuning CONFIG.yaml", file=sys.stderr)
        return 2
    try:
        config = read_config(Path(sys.argv[1]))  # before torch is loaded, which takes seconds
        from models.finetuning.run import finetune

        result = finetune(config, progress=lambda step: print(json.dumps(asdict(step)), flush=True))
    except ModelError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps({"result": asdict(result)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
