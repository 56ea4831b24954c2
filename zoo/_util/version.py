"""The version of the package, which its files name."""

__version__ = "0.1.0"
