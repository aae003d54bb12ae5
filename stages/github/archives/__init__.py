"""Tar and zip archives: bounded, damage reported, no number trusted."""
