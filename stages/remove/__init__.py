"""Takes out what was asked to be taken out."""
