"""`zoo notebook`, and its lectures by their structure: what `.ci/notebooks.py` runs takes minutes."""

import ast
import builtins
import json
import re
from pathlib import Path

import pytest

from zoo.cli import notebooks
from zoo.cli.notebooks import FOLDER, NAMES, RIGHT, TODO, notebook

VARIANTS = ("exercises", "solutions", "both")


def code(name, variant):
    """The cells of code of a lecture, with the tag of each."""
    cells = [cell for cell in notebook(name, variant)["cells"] if cell["cell_type"] == "code"]
    return [("".join(cell["metadata"].get("tags", [])), "".join(cell["source"])) for cell in cells]


def test_each_lecture_is_listed_in_the_order_of_the_course(run):
    assert sorted(NAMES) == sorted(path.stem for path in FOLDER.iterdir())
    result = run("notebook")
    assert result.status == 0
    shown = [line.split()[0] for line in result.out.splitlines()[1:] if line]
    assert shown[: len(NAMES)] == list(NAMES)
    assert "Autoencoders and PCA" in result.out


def test_one_is_written_as_a_notebook_that_has_not_run(run):
    result = run("notebook", "autoencoders-and-pca")
    assert (result.status, result.err) == (0, "")
    path, after = result.out.splitlines()
    assert path == "autoencoders-and-pca.ipynb"
    assert after == "Next: pip install 'generative-zoo[train]' jupyterlab && jupyter lab autoencoders-and-pca.ipynb"
    made = json.loads(Path(path).read_text(encoding="utf-8"))
    assert made == notebook("autoencoders-and-pca")
    assert {cell["cell_type"] for cell in made["cells"]} == {"markdown", "code"}
    assert all(not cell["outputs"] for cell in made["cells"] if cell["cell_type"] == "code")


def test_solutions_and_a_place_of_ones_own(run):
    assert run("notebook", "autoencoders-and-pca", "-o", "mine/solved.ipynb", "--solutions").status == 0
    assert json.loads(Path("mine/solved.ipynb").read_text()) == notebook("autoencoders-and-pca", "solutions")


def test_a_folder_gets_it_by_its_own_name(run):
    Path("there").mkdir()
    for out in ("new/", "there"):
        assert run("notebook", "autoencoders-and-pca", "-o", out).out.startswith(f"{Path(out)}/autoencoders-and-pca.ip")
        assert (Path(out) / "autoencoders-and-pca.ipynb").is_file()


def test_mistakes(mistake):
    assert "'autoencoders'" in mistake("notebook", "autoencoders")
    assert "autoencoders-and-pca" in mistake("notebook", "autoencoders")
    assert "without a name" in mistake("notebook", "--solutions")
    assert "ends in .ipynb" in mistake("notebook", "autoencoders-and-pca", "--out", "mine.py")
    Path("autoencoders-and-pca.ipynb").write_text("my work")
    said = mistake("notebook", "autoencoders-and-pca")
    assert "autoencoders-and-pca.ipynb is there already. Write over it (--force), or choose another --out." in said
    assert Path("autoencoders-and-pca.ipynb").read_text() == "my work"


def test_what_is_there_is_written_over_when_told_to(run):
    Path("wasserstein.ipynb").write_text("my work")
    assert run("notebook", "wasserstein", "--force").status == 0
    assert json.loads(Path("wasserstein.ipynb").read_text()) == notebook("wasserstein")


def test_a_word_of_a_title_finds_the_name(mistake):
    assert "Did you mean 'gans-and-how-they-fail'?" in mistake("notebook", "gans")


def test_a_shell_completes_names():
    assert notebooks.begun("auto") == ["autoencoders-and-pca"]


@pytest.mark.parametrize("name", NAMES)
def test_a_lecture_is_a_valid_notebook(name):
    nbformat = pytest.importorskip("nbformat")
    for variant in VARIANTS:
        nbformat.validate(nbformat.reads(json.dumps(notebook(name, variant)), as_version=4))


@pytest.mark.parametrize("name", NAMES)
def test_an_exercise_has_a_solution_and_a_check(name):
    source = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert source.count("```") == 2 * (len(code(name, "both")) - source.count("```python exercise"))
    tags = [tag for tag, _ in code(name, "both") if tag]
    assert tags == ["exercise", "check", "solution", "check"] * (len(tags) // 4)
    assert len(tags) >= 8
    assert [tag for tag, _ in code(name, "exercises") if tag] == ["exercise", "check"] * (len(tags) // 4)
    assert [tag for tag, _ in code(name, "solutions") if tag] == ["solution", "check"] * (len(tags) // 4)
    for tag, cell in code(name, "both"):
        if tag == "check":
            assert f'print("{TODO}")' in cell
            assert cell.rstrip().endswith(f'print("{RIGHT}")')
        if tag in ("exercise", "solution"):
            *_, last = ast.parse(cell).body
            assert isinstance(last, ast.FunctionDef | ast.ClassDef)
            assert ast.get_docstring(last)


@pytest.mark.parametrize("variant", ["exercises", "solutions"])
@pytest.mark.parametrize("name", NAMES)
def test_every_name_in_the_code_is_there(name, variant):
    """Imports are run and what is looked up in modules is looked up; other names must have been given before."""
    modules, known = {}, {*dir(builtins)}
    for _, cell in code(name, variant):
        tree = ast.parse(cell)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                exec(ast.unparse(node), modules)
        known |= modules.keys() | {name for node in ast.walk(tree) for name in given(node)}
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        assert used <= known, (used - known, cell)
        for node in ast.walk(tree):
            path = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
            if re.fullmatch(r"[\w.]+", path) and path.partition(".")[0] in modules:
                eval(path, dict(modules))


def given(node):
    """The names that a piece of code gives a meaning to."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
            return [name]
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
    return []


@pytest.mark.parametrize("name", NAMES)
def test_a_lecture_leads_to_others_and_commands_that_there_are(name):
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert text.startswith("# ")
    for other in re.findall(r"zoo notebook ([a-z][a-z-]+)", text):
        assert other in NAMES, other
