"""fastText: a text as it reads it, and the score it gives."""
