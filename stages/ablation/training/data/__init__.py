"""From shards to batches: documents in the mixture's proportions, packed in sequences."""
