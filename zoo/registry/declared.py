"""What the class of an architecture declares, read from its source, so that a misspelt setting is told before torch
is imported, which takes longer than all else until then.

Read are the fields of `Config` and of the objective's options, and the recipe, as expressions of constants, dataclasses
and the standard library. What functions check, such as which sizes go together, is told where the class is imported;
so is everything of a class that is written in other ways.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import functools
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoo._util.config import settings


@dataclasses.dataclass(frozen=True)
class Declared:
    """Dataclasses with the fields that the architecture's have, and none of their checks; options: None for an
    architecture without training."""

    config: type
    options: type | None
    recipe: Any


class _Unread:
    """Stands for functions, layers and whatever else is of no account for settings."""

    def __getattr__(self, name: str) -> _Unread:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *_: Any, **__: Any) -> _Unread:
        return self


class _Module:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return _value(self._name, name)


@functools.cache
def declared(target: str) -> Declared | None:
    """What "module:Class" declares; None where that cannot be read."""
    module, _, name = target.partition(":")
    try:
        config, recipe = (_declaration(module, name, each) for each in ("config_class", "recipe"))
        named = _attribute(module, name, "objective_class")
        objective = _place(*named) if named else None
        options = _declaration(*objective, "options_class") if objective else None
        if config is None or any(_is_unread(part) for cls in (config, options) if cls for part in _parts(cls)):
            return None
    except Exception:  # in whatever way its author wrote it
        return None
    return Declared(config, options, recipe)


def _parts(cls: type) -> Iterator[Any]:
    return (getattr(each, part.name) for each in settings(cls).values() for part in dataclasses.fields(each))


def _is_unread(value: Any) -> bool:
    return any(map(_is_unread, value)) if isinstance(value, (tuple, list)) else isinstance(value, _Unread)


def _attribute(module: str, cls: str, name: str) -> tuple[str, ast.expr] | None:
    """Module and expression of an attribute that the class, or one of its bases, is given."""
    node = _names(module).get(cls)
    if not isinstance(node, ast.ClassDef):
        return None
    for each in node.body:
        if (bound := _bound(each)) and bound[0] == name:
            return module, bound[1]
    bases = (_place(module, base.value if isinstance(base, ast.Subscript) else base) for base in node.bases)
    return next((found for base in bases if base and (found := _attribute(*base, name))), None)


def _declaration(module: str, cls: str, name: str) -> Any:
    """The value of such an attribute, None where there is none."""
    found = _attribute(module, cls, name)
    return _evaluated(*found) if found else None


def _place(module: str, expression: ast.expr) -> tuple[str, str] | None:
    """Module and name of a class that is named so in `module`."""
    if isinstance(expression, ast.Attribute) and isinstance(expression.value, ast.Name):
        inner = _evaluated(module, expression.value)
        return (inner._name, expression.attr) if isinstance(inner, _Module) else None
    if not isinstance(expression, ast.Name):
        return None
    node = _names(module).get(expression.id)
    if isinstance(node, ast.ImportFrom):
        source, name = _imported(module, node, expression.id)
        return _place(source, ast.Name(name, ast.Load())) if _file(source) else None
    return (module, expression.id) if node is not None else None


def _bound(node: ast.stmt) -> tuple[str, ast.expr] | None:
    """Name and expression of an assignment."""
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
        return node.target.id, node.value
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id, node.value
    return None


@functools.cache
def _names(module: str) -> dict[str, ast.stmt]:
    """The statements of a module by the names that they bind, those for type checkers among them."""
    file, names = _file(module), dict[str, ast.stmt]()
    body = ast.parse(file.read_text(encoding="utf-8")).body if file else []
    for node in [inner for outer in body for inner in (outer.body if isinstance(outer, ast.If) else [outer])]:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {alias.asname or alias.name: node for alias in node.names}
        elif isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            names[node.name] = node
        elif bound := _bound(node):
            names[bound[0]] = node
    return names


@functools.cache
def _file(module: str) -> Path | None:
    """The source of a module of a package of Python's, None of all others; nothing is imported for it."""
    top, *rest = module.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None or spec.origin is None:
        return None
    stem = Path(spec.origin).parent.joinpath(*rest) if rest else Path(spec.origin).with_suffix("")
    return next((file for file in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py") if file.is_file()), None)


def _imported(module: str, node: ast.ImportFrom, name: str) -> tuple[str, str]:
    """Module and name that an import gives `name` to."""
    alias = next(each for each in node.names if name in (each.asname, each.name))
    file = _file(module)
    package = module if file and file.stem == "__init__" else module.rpartition(".")[0]
    return importlib.util.resolve_name("." * node.level + (node.module or ""), package), alias.name


@functools.cache
def _value(module: str, name: str) -> Any:
    """What `name` means in a module: a value, a dataclass, a module, or something unread."""
    loaded = sys.modules.get(module)
    if loaded is not None and name in vars(loaded):
        return vars(loaded)[name]
    if module.partition(".")[0] in sys.stdlib_module_names:
        return getattr(importlib.import_module(module), name)
    node = _names(module).get(name)
    if isinstance(node, ast.ImportFrom):
        source, inner = _imported(module, node, name)
        if source.partition(".")[0] in ("torch", "numpy"):
            return _Unread()
        return _Module(f"{source}.{inner}") if _file(f"{source}.{inner}") else _value(source, inner)
    if isinstance(node, ast.ClassDef) and node.decorator_list:
        return _dataclass(module, node)
    if node is not None and (bound := _bound(node)):
        return _evaluated(module, bound[1])
    return _Unread()


def _evaluated(module: str, expression: ast.expr) -> Any:
    code = compile(ast.Expression(expression), module, "eval", dont_inherit=True)
    return eval(code, _globals(module, expression))


def _dataclass(module: str, node: ast.ClassDef) -> Any:
    """The class with its fields alone, whose annotations are types and not texts."""
    fields: list[ast.stmt] = [each for each in node.body if isinstance(each, ast.AnnAssign)]
    bare = ast.ClassDef(node.name, node.bases, node.keywords, fields or [ast.Pass()], node.decorator_list)
    if sys.version_info >= (3, 12):
        bare.type_params = []
    tree = ast.fix_missing_locations(ast.Module([bare], []))
    space = _globals(module, tree)
    exec(compile(tree, module, "exec", dont_inherit=True), space)
    return space[node.name]


def _globals(module: str, tree: ast.AST) -> dict[str, Any]:
    names = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name)} - set(vars(builtins))
    known = _names(module)
    return {"__name__": __name__} | {name: _value(module, name) for name in sorted(names) if name in known}
