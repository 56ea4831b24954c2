"""Layers, losses, bijections and feature networks that several models are made of."""
