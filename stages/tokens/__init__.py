"""The tokens of the documents, made once."""
