"""What a run reads, and the record of it."""
