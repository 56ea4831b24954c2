"""What shells complete: names, folders and settings, as the shell asks for them."""

import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from zoo import cli
from zoo.cli import application, completing


@pytest.fixture
def complete(isolated, monkeypatch, capsys):
    """What bash is told when the last word of a line is to be completed."""

    def complete(line):
        monkeypatch.setenv("_ZOO_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
        assert cli.main([]) == 0
        return capsys.readouterr().out.split()

    return complete


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("zoo lis", ["list"]),
        ("zoo generate dcg", ["dcgan-celeba"]),
        ("zoo generate realnvp", ["realnvp", "realnvp-mnist"]),
        ("zoo train wgan-g", ["wgan-gp"]),
        ("zoo info wgan-g", ["wgan-gp"]),
        ("zoo compare fashion-mn", ["fashion-mnist"]),
        ("zoo compare vae-mnist dcg", ["dcgan-celeba"]),
        ("zoo evaluate dcg", ["dcgan-celeba"]),
        ("zoo train dcgan --set sto", ["storage="]),
        ("zoo train wgan --set objective.we", ["objective.weight_clip="]),
        ("zoo train nothing-of-that-name --set st", []),
        ("zoo train hf:org/repo --set st", []),
    ],
)
def test_bash_is_told_what_may_stand_there(complete, line, words):
    found = complete(line)
    assert [word for word in found if word in words or not words] == words
    assert all(word.startswith(line.rpartition(" ")[2]) for word in found)


def test_every_argument_that_is_a_release_is_completed():
    commands = application.application().commands
    found = {
        f"{name} {parameter.name}": parameter._custom_shell_complete is not None
        for name, command in commands.items()
        for parameter in command.params
        if parameter.param_type_name == "argument" and "release" in (parameter.help or "").lower()
        if (name, parameter.name) != ("publish", "folders")  # which are files to the shell
    }
    assert len(found) > 15
    assert [name for name, completed in found.items() if not completed] == []


def test_folders_are_completed_once_a_path_is_begun(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "mind", "other"):
        (tmp_path / name / "deep").mkdir(parents=True)
    (tmp_path / "mine.png").touch()
    assert completing._folders("mi") == []
    assert completing._folders("./mi") == ["./mind/", "./mine/"]
    assert completing._folders("./mine/") == ["./mine/deep/"]
    assert completing._folders(f"{tmp_path}/o") == [f"{tmp_path}/other/"]
    assert completing._folders("./nothing/there") == []


def test_folders_are_completed_whatever_they_are_called(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    decomposed = "cafe\u0301"
    for name in (decomposed, "two\nlines", "b\udce9t\udce9", "red\x1b[31m"):
        (tmp_path / name).mkdir()
    assert completing._folders("./") == [f"./{decomposed}/"]
    assert completing._folders("./caf\u00e9") == [f"./{decomposed}/"]
    assert completing._folders("~nobody-of-that-name/") == []


def test_paths_are_begun_with_backslashes_too_where_those_part_them(tmp_path, monkeypatch):
    (tmp_path / "mine" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(completing, "SEPARATORS", ("/", "\\"))
    monkeypatch.setattr(completing, "user_path", lambda path: Path(path.replace("\\", "/")))
    assert completing._folders(".\\mi") == [".\\mine/"]
    assert completing._folders(".\\mine\\") == [".\\mine\\deep/"]
    assert completing._folders(".\\mine/d") == [".\\mine/deep/"]


def test_a_listing_is_of_names_and_no_folders(complete, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert complete("zoo list ./mi") == []
    assert complete("zoo list dcgan-cel") == ["dcgan-celeba"]
    assert complete("zoo train ./mi") == ["./mine/"]


@pytest.mark.parametrize("there", [None, SimpleNamespace()])
def test_where_typer_has_no_scripts_nothing_is_mended(monkeypatch, there):
    monkeypatch.setitem(sys.modules, "typer._completion_shared", there)
    completing.mend_scripts()


def test_without_a_name_there_are_no_settings(isolated):
    assert completing.settings(SimpleNamespace(params={}, args=[]), "s") == []


@pytest.fixture
def script():
    """What is installed for a shell."""
    from typer import _completion_shared

    application._root()
    application._root()
    return lambda shell: _completion_shared.get_completion_script(
        prog_name="zoo", complete_var="_ZOO_COMPLETE", shell=shell
    )


def test_zsh_completes_the_first_time_too(script):
    told = script("zsh")
    assert told.count("if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _zoo_completion; fi") == 1
    assert told.index("loadautofunc") < told.index("compdef _zoo_completion zoo")


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_bash_says_nothing_where_it_has_no_compopt(script, tmp_path):
    (tmp_path / "zoo").write_text("#!/bin/sh\necho ./mine/\n", encoding="utf-8")
    (tmp_path / "zoo").chmod(0o755)
    line = f"enable -n compopt\n{script('bash')}\n_zoo_completion {tmp_path}/zoo; echo ${{COMPREPLY[0]}}"
    told = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert (told.stdout, told.stderr) == ("./mine/\n", "")


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize(("word", "said"), [("storage=", "-o nospace"), ("./mine/", "-o nospace"), ("dcgan", "")])
def test_bash_puts_no_space_where_more_follows(script, tmp_path, word, said):
    (tmp_path / "zoo").write_text(f"#!/bin/sh\necho {word}\n", encoding="utf-8")
    (tmp_path / "zoo").chmod(0o755)
    line = f"compopt() {{ echo $@; }}\n{script('bash')}\n_zoo_completion {tmp_path}/zoo; echo ${{COMPREPLY[0]}}"
    told = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert told.stdout.split("\n")[:-1] == [*[said] * bool(said), word]
