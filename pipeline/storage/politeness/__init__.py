"""Servers that many workers ask together: one limit, one pace, and what a refusal means."""
