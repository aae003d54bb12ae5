"""Pages as Markdown: prose as a browser shows it, code to the letter, formulas as TeX."""
