"""What holds for a training unless something else is asked for, in Python and on the command line."""

LOG_EVERY = 50  # steps between lines of the log
CHECKPOINT_EVERY = 1000  # steps between checkpoints
