"""Licences: what a repository and its files say about who may use them, as SPDX expressions."""
