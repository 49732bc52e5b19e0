"""A batch whose challenger passed the gate: into the registry, once, whatever was killed in between."""

from __future__ import annotations

from typing import Any

from retemper.core.errors import InputError
from retemper.core.version_records import Life
from retemper.retraining.registry.interface import Registry
from retemper.retraining.registry.reference import Reference, parse
from retemper.retraining.watch.records import Batch


def settled(batch: Batch, registry: Registry) -> Batch:
    """Bring what the gate let through into force, as often as this is asked for: it happens once.

    The version is known by its note, which names the stream, the batch and the content that it used. What was once
    promoted is not promoted again, whatever was put into force since. Where the champion that was judged is no longer
    in force, the decision has come to nothing: the batch is marked as overtaken, and its file is to be treated again.

    Args:
        batch: whose model waits for the registry.
        registry: where its champion came from.

    Returns:
        The batch with the version's number, or overtaken.

    Raises:
        InputError: the registry can't be written; the next call goes on from there.
    """
    champion = parse(str(batch.decision["champion"]))
    life = registry.life(champion.name)
    number = _number(life, note_of(batch))
    if number is None or not _was_promoted(life, number):
        if life.in_force != champion.version:
            return _overtaken(batch, life)
        if number is None:
            note = note_of(batch)
            number = registry.add(champion.name, batch.folder, champion.version, note=note).number
        try:
            reason = str(batch.decision["gate"]["reason"])
            registry.promote(champion.name, number, over=champion.version, reason=reason)
        except InputError as error:
            if error.code != "champion_changed":
                raise
            return _overtaken(batch, registry.life(champion.name))
    called = str(Reference(champion.name, number))
    return batch.changed(challenger=called, stream={**batch.stream, "version": number})


def note_of(batch: Batch) -> str:
    """The words by which a version is known to be this batch's."""
    facts = batch.stream
    return f"Batch {batch.number} ({batch.decision['batch']}) of stream {facts['id'][:8]}, {facts['sha256'][:16]}"


def _number(life: Life, note: str) -> int | None:
    return next((own.number for own in life.versions if own.lineage.note == note), None)


def _was_promoted(life: Life, number: int) -> bool:
    return any(own.version == number for own in life.changes)


def _overtaken(batch: Batch, life: Life) -> Batch:
    reason = (
        f"Version {life.in_force} of {life.name!r} was put into force meanwhile, and the challenger was judged against "
        "another one. The file is treated again."
    )
    gate: dict[str, Any] = {**batch.decision["gate"], "verdict": "keep", "reason": reason}
    facts = {**batch.stream, "overtaken": str(Reference(life.name, life.in_force))}
    return batch.changed(promoted=False, gate=gate, stream=facts)
