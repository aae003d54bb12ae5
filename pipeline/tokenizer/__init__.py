"""Tokenizers of a corpus's own."""
