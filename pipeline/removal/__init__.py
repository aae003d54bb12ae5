"""`sluice remove`: documents leave a run for good, its shards at once."""
