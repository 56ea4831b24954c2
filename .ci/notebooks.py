"""Run every lecture of `zoo notebook` from top to bottom, two at a time: with each exercise unsolved and then solved,
whose checks must say so. The names of some may be given; --keep DIR writes the notebooks with all they show there."""

import argparse
import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbclient
import nbformat

from zoo.cli.notebooks import NAMES, RIGHT, TODO, notebook

PARALLEL = 2
LIMIT = 600  # seconds for a cell, on cores that others are busy on


def run(name, keep):
    """What is wrong with a lecture, "" if nothing is; and what it took."""
    made = nbformat.reads(json.dumps(notebook(name, "both")), as_version=4)
    nbformat.validate(made)
    start, wrong = time.perf_counter(), ""
    with tempfile.TemporaryDirectory() as folder:
        client = nbclient.NotebookClient(
            made, timeout=LIMIT, kernel_name="python3", resources={"metadata": {"path": folder}}
        )
        try:
            client.execute()
        except (nbclient.exceptions.CellExecutionError, nbclient.exceptions.CellTimeoutError) as error:
            wrong = str(error)
    seconds = time.perf_counter() - start
    checks = [cell for cell in made.cells if "check" in cell.metadata.get("tags", [])]
    printed = ["".join(output.get("text", "") for output in cell.outputs) for cell in checks]
    said = [text.strip().rpartition("\n")[2] for text in printed]
    if not wrong and said != [TODO, RIGHT] * (len(checks) // 2):
        wrong = f"its checks said {said}"
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        nbformat.write(made, keep / f"{name}.ipynb")
    return wrong, seconds, len(checks) // 2


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    failed = 0
    with ThreadPoolExecutor(PARALLEL) as pool:
        results = [(name, pool.submit(run, name, given.keep)) for name in given.names]
        for name, result in results:
            wrong, seconds, exercises = result.result()
            failed += bool(wrong)
            print(f"{name}: {seconds:.0f} s, {exercises} exercises{f': {wrong}' if wrong else ''}", flush=True)
    print(f"{len(results) - failed} passed, {failed} failed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
