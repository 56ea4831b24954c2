"""A release folder: card, weights file, golden file, integrity."""
