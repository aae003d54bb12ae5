"""The loop over GitHub: which files are of high quality."""
