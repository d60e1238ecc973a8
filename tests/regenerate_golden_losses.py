"""Write tests/golden/ten_step_losses.json anew: `python tests/regenerate_golden_losses.py [NETWORK ...]`.

Without names every network's; with names only theirs. Commit it with a message that says why training changed.
"""

import json
import sys
import tempfile
from pathlib import Path

import torch
from golden_losses import FILE, PINNED, stored, ten_losses, trained_networks


def main(names: list[str]) -> None:
    """Write the losses of `names`, or of all networks."""
    if not torch.__version__.startswith(f"{PINNED}."):
        sys.exit(f"golden losses are made with torch {PINNED}, this is {torch.__version__}")
    losses = {name: values for name, values in stored().items() if names and name in trained_networks()}
    for name in names or trained_networks():
        with tempfile.TemporaryDirectory() as folder:
            losses[name] = ten_losses(name, Path(folder))
        print(name, *(f"{loss:.4f}" for loss in losses[name]), flush=True)
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(losses[name])}" for name in sorted(losses))
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
