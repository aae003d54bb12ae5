"""Which programming language a file is in."""
