"""What was learnt, in a sentence: "Learning rate explains 71 % of the variance; width gains nothing beyond 128."."""

from __future__ import annotations

from collections.abc import Sequence

from retemper.search.learnt import Importance, Learnt

MOST_NAMED = 3


def sentence(learnt: Learnt) -> str:
    """The options that matter with their shares, where they gain nothing more, and how long the trials had trained.

    Shares are of what the settings explain, so it is said how much that is: of noise nothing can be a large share.

    >>> sentence(Learnt(left_out=("3 trials are too few.",)))
    '3 trials are too few.'
    """
    always = [own for own in learnt.options if not own.where]
    shown = [own for own in always if own.matters][:MOST_NAMED]
    parts = []
    if shown:
        first = shown[0]
        span = f"{100 * first.low:.0f} to {percent(first.high)}"
        named = f"{name(first.path)} explains {percent(first.share)} of the variance ({span})"
        parts.append(", ".join([named, *(f"{name(own.path)} {percent(own.share)}" for own in shown[1:])]))
    elif always:
        parts.append("no option stands out from chance alone")
    parts += [_flat(own) for own in learnt.options if own.flat]
    parts += [
        f"{name(own.path)} explains {percent(own.share)} where {_where(own)}"
        for own in learnt.options
        if own.where and own.matters
    ]
    if not parts:
        return " ".join(learnt.left_out)
    text = "; ".join(parts)
    compared = f"{learnt.trials} trials compared after {learnt.epochs} epoch{'s' * (learnt.epochs != 1)}"
    if always:
        compared += f", {percent(learnt.explained)} of whose differences the settings foretell"
    return f"{text[:1].upper()}{text[1:]} ({compared})."


def name(path: str) -> str:
    """An option as a person calls it.

    >>> name("training.optimizer.learning_rate"), name("training.optimizer.name"), name("width")
    ('learning rate', 'optimizer', 'width')
    """
    return path.removesuffix(".name").rpartition(".")[2].replace("_", " ")


def percent(share: float) -> str:
    """A share without decimals.

    >>> percent(0.714), percent(0.002)
    ('71 %', 'under 1 %')
    """
    return f"{100 * share:.0f} %" if share >= 0.01 else "under 1 %"


def _flat(own: Importance) -> str:
    assert own.flat is not None
    where = f" where {_where(own)}" if own.where else ""
    return f"{name(own.path)} gains nothing {own.flat.side} {short(own.flat.value)}{where}"


def _where(own: Importance) -> str:
    return " and ".join(f"{name(path)} is {_any(values)}" for path, values in own.where.items())


def _any(values: Sequence[object]) -> str:
    return " or ".join(short(value) for value in values)


def short(value: object) -> str:
    """A value in three digits.

    >>> short(0.0012345), short(128), short("cosine")
    ('0.00123', '128', 'cosine')
    """
    return f"{value:.3g}" if isinstance(value, float) else str(value)
