"""The Hugging Face Hub: addresses, downloads, the cache, sources in its place, publishing."""
