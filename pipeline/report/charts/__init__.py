"""Pictures of figures as plain SVG, drawn on the server; colours come from the page's CSS."""
