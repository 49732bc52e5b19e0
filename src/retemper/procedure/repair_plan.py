"""What a repair may try: the ways to train that findings lead to, in the order in which they are worth a try."""

from __future__ import annotations

from collections.abc import Sequence

from retemper.core.records import Finding
from retemper.doctor.general import AGAINST_OVERFITTING, GENERAL
from retemper.doctor.observe.loss_kind import ask
from retemper.doctor.surgery.head import rewards_truth
from retemper.doctor.surgery.patient import Patient
from retemper.procedure.repair_by_the_book import Price, by_the_book, lean
from retemper.procedure.repair_regimen import Regimen, ways

SURE = 0.5
"""Findings of less confidence than this are hardly the cause: no remedy of theirs is joined to others."""
SHORT = frozenset({"too_few_epochs", "still_improving"})
"""Findings that more epochs are for; for others they are dear, and tried by themselves."""
SEEN = frozenset({"dead_units"})
"""Alarms that are mended at once though something likelier is named: units that died from one start die from others,
which no race of single runs shows, but a proof by several starts does."""
STRUCTURE = frozenset({"unscaled_inputs", "unscaled_targets", "redundant_softmax", "missing_nonlinearity"})
"""Findings that are mended at once though they are but advice."""
PAIRS = (
    ("raise_learning_rate", "lower_learning_rate"),
    ("more_capacity", "less_capacity"),
    ("regularise_more", "less_regularisation"),
    ("train_longer", "stop_earlier"),
    ("larger_batch", "smaller_batch"),
)
CONTRARY = dict(PAIRS) | {second: first for first, second in PAIRS}


def proposals(
    base: Regimen,
    findings: Sequence[Finding],
    patient: Patient,
    poor: bool,
    longer: int = 1,
    price: Price | None = None,
) -> list[Regimen]:
    """Ways to try, the most promising first: all that is found at once, by the book, then one by one.

    Args:
        base: what was trained last.
        findings: of that training, the likeliest cause first.
        patient: fresh, without ``base``'s operations.
        poor: it learns little, so that what helps most networks is tried whatever was found.
        longer: times the epochs that there is room for.
        price: of a way's run; None: steps are not scarce.
    """
    alarms = [each for each in findings if each.severity != "advice"]
    sure = [each for each in findings if each.severity == "advice" and each.confidence >= SURE]
    made: list[Regimen] = []
    start = _with_true_loss(base, patient) if poor else base
    causes = [each for each in alarms if each.confidence >= SURE] or alarms[:1]
    causes += [each for each in alarms if each.code in SEEN and each not in causes]
    together = _together(start, [*causes, *(each for each in sure if each.code in STRUCTURE)], patient)
    made.append(together)
    if poor:
        book = by_the_book(together, patient, longer, price)
        plain = min(book, key=lambda own: own.remedies.count("more_capacity"))
        made += ([] if price is None else lean(plain, patient, base, price)) + book
    for finding in [*alarms, *sure]:
        for remedy in finding.remedies:
            made += ways(base, remedy, finding, patient)
    if poor:
        anything = Finding("poor", "advice", 0.5, "It learns little.", {"batch_size": patient.batch_rows})
        for remedy in GENERAL:
            made += ways(together, remedy, anything, patient)
    elif findings:
        anything = Finding("overfitting", "advice", 0.5, "It may learn by heart.")
        for remedy in AGAINST_OVERFITTING:
            made += ways(base, remedy, anything, patient)
    unique: dict[str, Regimen] = {base.key: base}
    for each in made:
        unique.setdefault(each.key, each)
    return list(unique.values())[1:]


def _with_true_loss(base: Regimen, patient: Patient) -> Regimen:
    """With another loss where the own one is not less for what is right."""
    outputs = patient.outputs()
    wants = ask(patient.loss, outputs, patient.y[: len(outputs)]).wants
    if rewards_truth(patient, wants) or "right_head" in base.remedies:
        return base
    upside_down = Finding("wrong_loss", "error", 0.9, "The loss is not less for outputs that are right.")
    return next(iter(ways(base, "right_head", upside_down, patient)), base)


def _together(base: Regimen, findings: Sequence[Finding], patient: Patient) -> Regimen:
    """The first remedy of each finding that can be had, one after the other."""
    regimen, done = base, set(base.remedies)
    for finding in findings:
        for remedy in finding.remedies:
            if remedy in done:
                break
            if CONTRARY.get(remedy) in done or (remedy == "train_longer" and finding.code not in SHORT):
                continue
            found = ways(regimen, remedy, finding, patient)
            if found:
                regimen = found[0]
                done.add(remedy)
                break
    return regimen
