"""Near-duplicate removal: measure every document, then decide over the whole corpus."""
