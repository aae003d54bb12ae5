"""Files of a repository, joined to repository-level training samples."""
