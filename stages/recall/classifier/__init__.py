"""A target's classifier: what it reads, how it is trained and calibrated, what it says."""
