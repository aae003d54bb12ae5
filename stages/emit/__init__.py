"""Training samples, tokenised and written: the product."""
