"""Small models trained on two corpora, and what they score: the proof that one is better."""
