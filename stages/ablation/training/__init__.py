"""Training a small model: its configuration, its steps, its checkpoints."""
