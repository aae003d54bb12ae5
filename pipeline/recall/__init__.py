"""Recall by hand: classifiers on a user's own tables, and runs compared with labels."""
