"""Models conditioned on an image, one to a file."""
