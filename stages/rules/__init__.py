"""The paper's filtering rules for source files."""
