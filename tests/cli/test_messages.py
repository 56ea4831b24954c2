"""Every command that a message of the package names is there."""

import ast
import re
from pathlib import Path

import zoo
from zoo.cli.application import application

# A command is named in backticks, or after "see", "run" or "with:".
NAMED = re.compile(r"(?:`|\b(?:[Ss]ee|[Rr]un|with:) )zoo ([a-z]+)")


def sentences():
    """Every string in the package's source, f-strings joined."""
    for path in sorted(Path(zoo.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield path, "".join(str(v.value) if isinstance(v, ast.Constant) else "…" for v in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield path, node.value


def test_commands_named_in_messages_exist(isolated):
    known = application().commands.keys()
    named = [(path.name, command) for path, text in sentences() for command in NAMED.findall(text)]
    assert {"train", "plugins", "evaluate"} <= {command for _, command in named}, "the pattern finds what it should"
    assert [(where, command) for where, command in named if command not in known] == []
