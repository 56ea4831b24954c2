"""`python -m zoo`, and what happens before the command line is there."""

import subprocess
import sys

BEFORE = """
import sys
from importlib.abc import MetaPathFinder

class Asked(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "zoo.cli":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Asked())
from zoo.__main__ import main
sys.exit(main())
"""


def test_interrupt_before_signals_are_handled():
    done = subprocess.run([sys.executable, "-c", BEFORE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "zoo: interrupted.\n")


def test_the_package_runs_as_a_module():
    words = [sys.executable, "-m", "zoo", "info", "nope"]
    result = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("zoo: no release")
