"""Learns the table that names languages by content, from labelled files."""
