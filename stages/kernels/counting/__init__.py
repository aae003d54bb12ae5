"""Characters, lines and comments of a text, counted."""
