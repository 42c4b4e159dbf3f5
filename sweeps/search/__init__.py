"""What to try, what came of it, and when all is done. Knows neither Ray nor Keras."""
