"""Where a run lies and what it is made of: disks, object stores, tables, receipts, inputs."""
