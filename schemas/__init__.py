"""What a record is: one module per table. Imports nothing of ours."""
