"""A run folder, or inputs, on an object store: S3 by itself, anything else that fsspec opens."""
