"""Where a search's trials are kept for others to read: ``RUN/trials.db``, or the database that the recipe names."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

from retemper.core.run_folder import RunFolder
from retemper.search.space import Space
from retemper.search.storage import Storage, opened

NAME = "checkpoints/study.json"
"""Under which name the study of this run is in a database that others use, too."""


def storage_for(folder: RunFolder, url: str | None, space: Space) -> Callable[[], Storage]:
    """How to open the study.

    A database that is named is looked for at once: who named it wants to know before hours of training.

    Raises:
        InputError: as for :class:`retemper.search.storage.Storage`.
    """
    if url is None:
        return lambda: opened(folder.path / "trials.db", "search", space)
    name = _name(folder)
    Storage(url, name, space).close()
    return lambda: Storage(url, name, space)


def _name(folder: RunFolder) -> str:
    """The run's own study: named once, so that a resumed run goes on with it and nobody else does."""
    place = folder.path / NAME
    if not place.is_file():
        folder.write_json(NAME, {"study": f"{folder.path.resolve().name}-{uuid.uuid4().hex[:8]}"})
    return str(json.loads(place.read_text(encoding="utf-8"))["study"])
