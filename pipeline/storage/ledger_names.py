"""Where a folder's receipts lie.

The ledger of `shards/code` is `shards/_code.ledger` (an Arrow file): beside the folder, because
Polars reads no folder in which another kind of file lies. A run that has a `ledger.arrow` inside is
read, and its ledger moves when the driver next completes the stage.
"""

LEDGER_SUFFIX = ".ledger"
INNER_LEDGER = "ledger.arrow"
"""Where the ledger lay until Sluice 0.1: in the folder itself."""
RECEIPT_SUFFIX = ".receipt.json"
GROUP_SUFFIX = ".receipts.json"


def ledger_of(folder: str) -> str:
    """Where the ledger of a folder lies."""
    parent, _, name = folder.rpartition("/")
    return f"{parent}/_{name}{LEDGER_SUFFIX}".lstrip("/")


def folder_of(path: str) -> str | None:
    """The folder whose ledger or loose receipts a file holds; None for any other file."""
    parent, _, name = path.rpartition("/")
    if name.startswith("_") and name.endswith(LEDGER_SUFFIX):
        return f"{parent}/{name[1 : -len(LEDGER_SUFFIX)]}".lstrip("/")
    is_inside = name == INNER_LEDGER or name.endswith((RECEIPT_SUFFIX, GROUP_SUFFIX))
    return parent if is_inside else None
