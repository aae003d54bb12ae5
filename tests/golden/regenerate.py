"""Writes `golden.json` anew: `python -m tests.golden.regenerate`, about half a minute."""

import sys
import tempfile
from pathlib import Path

from tests.golden.chain import record_chain
from tests.golden.table import PATH, differences, read_table, write_table


def main() -> int:
    """Record, say what is different, write."""
    with tempfile.TemporaryDirectory(prefix="sluice-golden-") as folder:
        found = record_chain(Path(folder))
    if PATH.exists():
        for message in differences(read_table(), found):
            print(message)
    write_table(found)
    print(f"{len(found['steps'])} steps are in {PATH.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
