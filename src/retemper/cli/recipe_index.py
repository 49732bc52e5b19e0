"""The recipe's options for ``retemper train --help``, from an index made beforehand.

Help must not wait for PyTorch and the families, so ``make index`` reads the option classes once and writes
``recipe_index.json``; a test holds the file in step with the classes.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

FILE = "recipe_index.json"


def as_help() -> str:
    """The index as text: ``path=default``, and what it means."""
    index = json.loads((files("retemper.cli") / FILE).read_text(encoding="utf-8"))
    # "\b" keeps Typer from filling the lines of a paragraph.
    return "\b\nOptions of the recipe, for --set and --recipe:\n" + "\n".join(_line(entry) for entry in index)


def _line(entry: dict[str, Any]) -> str:
    only = f" [{', '.join(entry['only'])}]" if entry.get("only") else ""
    text = f"  {entry['path']}={entry['default']}{only}"
    return f"{text}  {entry['description']}".rstrip()


def make() -> list[dict[str, Any]]:
    """Every option of the recipe: path, default, description; ``only`` names the entries that have it."""
    from retemper.core import recipe

    index: list[dict[str, Any]] = []
    defaults = recipe.Recipe()

    def visit(path: str, field: Any) -> None:
        family = recipe.CHOICES.get(path)
        text = field.description or ""
        if family is None:
            words = recipe.literal_values(field.annotation)
            described = "; ".join(filter(None, [", ".join(words), text]))
            index.append({"path": path, "default": _plain(defaults.get(path)), "description": described})
            return
        index.extend(_family(path, family, defaults.get(path)["name"], text))

    recipe.leaves(visit)
    return index


def _family(path: str, family: str, default: str, text: str) -> list[dict[str, Any]]:
    """A choice, and below it the options of its entries, those that several entries share once."""
    from retemper.core import catalogue

    names = catalogue.names(family)
    described = "; ".join(filter(None, [", ".join(names), text]))
    entries: list[dict[str, Any]] = [{"path": path, "default": default, "description": described}]
    found: dict[tuple[str, str, str], list[str]] = {}
    for name in names:
        for option, field in catalogue.options_class(family, name).model_fields.items():
            given = None if field.is_required() else field.get_default(call_default_factory=True)
            key = (option, "required" if field.is_required() else _plain(given), field.description or "")
            found.setdefault(key, []).append(name)
    for (option, value, meaning), only in sorted(found.items()):
        some = {} if len(only) == len(names) else {"only": only}
        entries.append({"path": f"{path}.{option}", "default": value, "description": meaning, **some})
    return entries


def _plain(value: Any) -> str:
    """A default as one would write it after ``--set path=``."""
    return value if isinstance(value, str) else json.dumps(value)


if __name__ == "__main__":
    from pathlib import Path

    Path(__file__).with_name(FILE).write_text(json.dumps(make(), indent=1) + "\n", encoding="utf-8")
