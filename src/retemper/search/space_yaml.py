"""A space's YAML file: read with the lines of its mistakes, as YAML's own reader would not tell all of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from retemper.core.errors import InputError
from retemper.core.recipe import MALFORMED


def read(path: Path) -> Mapping[str, Any]:
    """The mapping of a space's file.

    Args:
        path: YAML, in UTF-8.

    Raises:
        InputError: ``no_such_file``, or ``bad_space``: it is no YAML, names an option twice, or is no mapping.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "space.yaml"
    >>> _ = file.write_text("learning_rate: [0.1, 0.01]")
    >>> read(file)
    {'learning_rate': [0.1, 0.01]}
    """
    where: dict[str, Any] = {"file": str(path)}
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        message = f"Can't read the space: {error.strerror}."
        raise InputError("no_such_file", message, where, "Name a YAML file.") from None
    except UnicodeDecodeError:
        raise InputError("bad_space", "The space is not UTF-8 text.", where, "Save it as UTF-8.") from None
    try:
        root = yaml.compose(text, yaml.SafeLoader)
        twice = list(_repeated(root)) if root else []
        tree = yaml.safe_load(text) if not twice else {}
    except MALFORMED as error:
        mark = getattr(error, "problem_mark", None)
        line = {"line": mark.line + 1} if mark else {}
        why = getattr(error, "problem", None) or str(error) or type(error).__name__
        message = f"The space is not valid YAML: {why}."
        raise InputError("bad_space", message, where | line, "Mend the line.") from None
    if twice:
        told = "; ".join(f"{name} (line {line})" for name, line in twice)
        hint = "Name each option once, with all of its values."
        raise InputError("bad_space", f"The space names an option twice: {told}.", where, hint)
    if not isinstance(tree, Mapping):
        message = "The space must be a mapping of options."
        raise InputError("bad_space", message, where, "Write `name: [values]`.")
    return tree


def _repeated(node: yaml.Node, above: tuple[int, ...] = ()) -> Iterator[tuple[str, int]]:
    """Keys that stand twice in one mapping, with their lines, of which YAML's reader keeps the last.

    Raises:
        ValueError: a value holds itself (``&a [*a]``).
    """
    if id(node) in above:
        raise ValueError("a value holds itself")
    above = (*above, id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated(item, above)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[Hashable] = set()
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else id(key)
        if name in seen:
            yield str(name), key.start_mark.line + 1
        seen.add(name)
        yield from _repeated(value, above)
