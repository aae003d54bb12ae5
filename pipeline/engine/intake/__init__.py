"""What a run is made of, and what became of each input."""
