"""`.ci/run` tries what pyproject.toml declares: each Python that there is, the whole suite and the benchmarks on the
newest, and beside them the plugins on the oldest; and it ends at the first thing that fails. Its tools are stand-ins
that note what they are called with."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PLUGINS = [path.parent for path in (ROOT / "plugins").glob("*/pyproject.toml")]
PYTHONS = re.findall(r"Programming Language :: Python :: (3\.\d+)\"", (ROOT / "pyproject.toml").read_text())
TOOLS = ("pip", "pytest", "ruff", "mypy", "lint-imports", "chromium", "apt-get")

STAND_IN = """#!/bin/sh
echo "$ZOO_PYTHON: {name} $*" >> "$NOTES"
[ "$WAITS" != "$ZOO_PYTHON: {name} $*" ] || sleep 60
[ "$FAILS" != "$ZOO_PYTHON: {name} $*" ]
"""
INTERPRETER = """#!/bin/sh
if [ "$1" = -c ]; then
    echo "$2" | grep -qF "'{version}'"  # which interpreter it is is asked in its own words
elif [ "$1 $2" = "-m venv" ]; then
    mkdir -p "$3/bin" && echo 'export ZOO_PYTHON={version}; deactivate() {{ unset ZOO_PYTHON; }}' > "$3/bin/activate"
fi
"""


def executable(path, text):
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def ci(tmp_path):
    """Call as `ci(pythons, fails="3.13: mypy ", waits="3.11: pytest ")`; the exit status and the lines of what was
    called, each with the Python of its environment. What `waits` does so for a minute, unless it is ended."""
    if sys.platform == "win32":
        pytest.skip("a script for bash")

    def call(pythons=PYTHONS, fails="", waits=""):
        tools = tmp_path / "tools"
        tools.mkdir()
        for version in PYTHONS:  # one that is not there may be a name that stands for none
            text = INTERPRETER.format(version=version) if version in pythons else "#!/bin/sh\nexit 127\n"
            executable(tools / f"python{version}", text)
        for name in (*TOOLS, "python"):
            executable(tools / name, STAND_IN.format(name=name))
        executable(tools / "pyenv", f"#!/bin/sh\necho {tmp_path}\n")
        notes = tmp_path / "notes"
        notes.write_text("")
        path = f"{tools}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "NOTES": str(notes), "FAILS": fails, "WAITS": waits}
        done = subprocess.run([ROOT / ".ci" / "run"], env=environment, capture_output=True, text=True, check=False)
        return done.returncode, notes.read_text().splitlines(), done.stdout

    return call


def test_everything_runs_on_the_newest_python_and_the_others_are_tried(ci):
    status, called, _ = ci()
    assert status == 0
    oldest, newest = PYTHONS[0], PYTHONS[-1]
    whole = [f"{newest}: pytest ", f"{newest}: ruff check .", f"{newest}: ruff format --check .", f"{newest}: mypy "]
    places = [called.index(line) for line in [*whole, f"{newest}: lint-imports "]]
    assert places == sorted(places)
    benchmarks = [line for line in called if "tests/benchmarks" in line]
    assert len(benchmarks) == 1
    assert benchmarks[0].startswith(f"{newest}: pytest -n auto ")
    assert benchmarks[0].endswith("tests/benchmarks --benchmark-disable")  # each once, untimed
    assert f"{newest}: pytest -n0 -m browser tests/reports/gallery" in called
    assert f"{newest}: python .ci/notebooks.py" in called
    tried = [line.partition(":")[0] for line in called if line.endswith("python -W error .ci/smoke.py")]
    assert tried == PYTHONS[:-1]
    assert [line for line in called if line.startswith(f"{oldest}: pytest")] == [f"{oldest}: pytest "] * len(PLUGINS)


ON_NEWEST = [f"{PYTHONS[-1]}: {words}" for words in ("pytest ", "mypy ", "lint-imports ")]
ON_OLDEST = [f"{PYTHONS[0]}: {words}" for words in ("python -W error .ci/smoke.py", "pytest ")]


def beside(line):
    """What runs beside the part that `line` is of: it is reached in any case."""
    return (ON_OLDEST if line in ON_NEWEST else ON_NEWEST)[0]


@pytest.mark.parametrize("what", ON_NEWEST + ON_OLDEST)
def test_what_fails_ends_it_and_what_runs_beside_it(ci, what):
    status, called, _ = ci(fails=what, waits=beside(what))
    assert status != 0
    part = [line for line in called if line.startswith(PYTHONS[-1]) == (what in ON_NEWEST)]
    assert part[-1] == what
    assert beside(what) not in [line for line in called if line not in part][:-1]


def test_a_python_that_is_not_there_is_said(ci):
    status, called, said = ci(PYTHONS[:-1])
    assert status == 0
    assert f"There is no Python {PYTHONS[-1]} here: zoo is not tried on it." in said
    assert f"{PYTHONS[-2]}: pytest " in called


def test_the_pythons_declared_are_from_the_oldest_that_is_allowed_on_without_a_gap():
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert known["requires-python"] == f">={PYTHONS[0]}"
    minors = [int(version.partition(".")[2]) for version in PYTHONS]
    assert minors == list(range(minors[0], minors[-1] + 1))


def test_the_quick_look_imports_lists_loads_generates_and_trains():
    text = (ROOT / ".ci" / "smoke.py").read_text()
    commands = text.partition('COMMANDS = """')[2].partition('"""')[0].splitlines()
    called = {line.split()[0] for line in commands if line and not line.startswith(" ")}
    assert {"list", "info", "verify", "generate", "encode", "translate", "score", "train"} <= called
    assert "import zoo" in text
