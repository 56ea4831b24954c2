"""Training: the loop, its checkpoints and log, and the making of release folders."""
