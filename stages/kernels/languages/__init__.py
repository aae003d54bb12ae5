"""Which of the 338 languages a text is in, or none of them, by its content alone."""
