"""What plugins cost: `pytest -n0 tests/benchmarks/test_plugins_speed.py --benchmark-only`. Skipped in an ordinary run.

Compared is `zoo list` in a fresh process beside the same without plugins; the difference is printed. The processes take
turns, so that whatever else the machine does slows both alike, and compared are minima of the processor's time, which
on a busy machine is steadier than the clock.
"""

import os
import resource
import subprocess
import sys

import pytest

LIST = "import sys; from zoo.cli import main; sys.exit(main(['list']))"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def seconds(site, plugins, code):
    """Processor time of a fresh interpreter that runs `code`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([ROOT, str(site)])}
    if not plugins:
        environment["ZOO_PLUGINS"] = ""
        environment["ZOO_HOME"] += "-without"  # an index of the built-in cards only
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("code", [LIST, "import zoo; zoo.list_models()"], ids=["zoo list", "list_models"])
def test_thirty_plugins_of_ten_models(benchmark, capsys, install_many, site, code):
    """Budget: at most 50 ms more than without plugins."""
    install_many(30)
    times = {True: [], False: []}

    def turn():
        for plugins in times:
            times[plugins].append(seconds(site, plugins, code))

    turn()  # fills caches of file system and index
    for each in times.values():
        each.clear()
    benchmark.pedantic(turn, rounds=10)
    added = 1000 * (min(times[True]) - min(times[False]))
    benchmark.extra_info["milliseconds added"] = added
    with capsys.disabled():
        print(f"\n{added:.0f} ms added to {1000 * min(times[False]):.0f} ms")
