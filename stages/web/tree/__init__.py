"""A page as a flat tree: nodes in document order as arrays, made in one pass over the bytes."""
