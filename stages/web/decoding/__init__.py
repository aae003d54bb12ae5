"""From a page's bytes to its characters: what it declares, what it is, and whether it is HTML."""
