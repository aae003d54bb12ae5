"""A corpus with near-duplicates, those who look for them, and a judge that compares everything."""
