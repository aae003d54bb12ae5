"""The language classifier, trained on a user's own files."""
