"""`python -m models.finetuning CONFIG.yaml`: a run in a process of its own, which takes torch with it when it ends.

Prints a line of JSON after each step (the fields of `Progress`), and at the end {"result": ...} with those of
`FinetuneResult`. Ends with 2 and one line `error: ...` where the run cannot be carried out.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from data.parent_process import end_with_parent
from models.errors import ModelError
from models.finetuning.config import read_config


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m models.finetuning", description="A run of fine-tuning.")
    parser.add_argument("config", type=Path, metavar="CONFIG.yaml", help="what to train, on what and how")
    parser.add_argument("--end-with-parent", action="store_true", help="not to go on when the launcher is gone")
    asked = parser.parse_args()
    if asked.end_with_parent:
        end_with_parent()
    try:
        config = read_config(asked.config)  # before torch is loaded, which takes seconds
        from models.finetuning.run import finetune

        result = finetune(config, progress=lambda step: print(json.dumps(asdict(step)), flush=True))
    except ModelError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps({"result": asdict(result)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
