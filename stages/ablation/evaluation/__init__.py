"""What a trained model scores: bits per byte, and problems solved by programs that run."""
