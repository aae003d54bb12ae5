"""What workers do: one module per kind of task. Runs in workers, never in the driver's loop."""
