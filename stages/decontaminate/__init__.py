"""Decontaminate: documents that hold problems of a benchmark are dropped."""
