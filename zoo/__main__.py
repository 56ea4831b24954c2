"""`python -m zoo`, `torchrun -m zoo train …` and the command `zoo`."""

import sys


def main() -> int:
    """Run the command line on sys.argv and return the exit status."""
    try:
        from zoo.cli import main as run  # some tenths of a second, in which nothing handles signals yet
    except KeyboardInterrupt:
        print("zoo: interrupted.", file=sys.stderr)
        return 130
    return run()


if __name__ == "__main__":
    sys.exit(main())
