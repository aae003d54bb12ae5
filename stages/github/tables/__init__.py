"""Dumps of GitHub that come as tables: a row a file, or a row a repository."""
