"""What a run says while it goes: a table or lines for people, JSON lines for machines, a log."""
