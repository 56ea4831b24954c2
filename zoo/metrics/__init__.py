"""Metrics: one protocol for every card's numbers."""
