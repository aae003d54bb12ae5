"""Redact: personal data and secrets are found, so that emit can replace them."""
