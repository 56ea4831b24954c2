"""What a person looks at: pictures, plots, diagnosis, comparison."""
