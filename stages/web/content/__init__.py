"""Which parts of a page are its content: blocks of a flat tree, scored by a small learned table."""
