"""The doctor on programs with known faults and on healthy ones, beside the rules of other tools.

Four sets: real buggy programs given by --programs (and their mended versions, which are healthy), mutants of healthy
PyTorch programs by two lists of operators, and healthy programs of many kinds. A fault counts when it does harm: the
median score of three seeds is more than .03 below the healthy twin's (or the description says so).

- detection: of harmful faults, how many raise an error or a warning;
- false alarms: the same of healthy programs;
- first, first three: of harmful faults, how many have a right code first, or among the first three findings.

Other tools' rules give no order: for them `first three` says whether any of their alarms names a right code.
--half tune|check takes half of the healthy programs, of the descriptions, and of what comes from them: thresholds and
likelihoods are fitted on one half and checked on the other.
--keep FOLDER goes on where an earlier call was stopped; a stored training is judged by the rules as they are now, but
what is recorded of it stays as it was.

usage: python benchmarks/doctor.py [--programs programs.json --codes label_codes.json] [--mutants 7] [--more 3]
           [--controls 210] [--half tune|check] [--keep FOLDER] [--minutes M] [--details] [--cost]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from doctor_bases import BASES
from doctor_cost import print_cost
from doctor_healthy import controls
from doctor_measured import SEEDS, Measured, Store, harmful
from doctor_mutants import OPERATORS, mutants
from doctor_mutants_more import MORE
from doctor_programs import Program, described
from doctor_rules import RULES
from doctor_stand_ins import SOURCES
from measuring import print_table
from scipy.stats import binomtest

from retemper.core.records import Finding
from retemper.doctor.examine import examine

Judged = tuple[bool, Sequence[frozenset[str]]]
"""Whether there was an alarm, and what was named, the likeliest first."""
Judge = Callable[[Measured], Judged]


def read(programs: Path, codes: Path) -> list[Program]:
    """The programs of a file that have layers, rows to stand in and a known verdict or a mended version."""
    names = json.loads(codes.read_text())["codes"]
    found = []
    for entry in json.loads(programs.read_text())["models"]:
        if not entry["layers"] or entry["data"]["kind"] not in SOURCES:
            continue
        own = described(entry, names)
        if len(own) > 1 or own[0].harmful is not None:
            found += own
    return found


def measure(
    store: Store, programs: Sequence[Program], twins: Sequence[Program]
) -> tuple[list[Measured], list[Measured]]:
    """Harmful faults and healthy programs, as far as the time goes."""
    faults, healthy = [], []
    by_name = {twin.name: twin for twin in twins}
    for program in programs:
        known = program.harmful is not None
        own = store.measured(program, SEEDS[:1] if known else SEEDS)
        if own is None:
            continue
        if not program.codes:
            healthy.append(own)
            continue
        twin = by_name.get(program.base) or by_name.get(f"{program.base} mended")
        right = None if known or twin is None else store.scores(twin)
        if harmful(program, own.scores, right or (float("-inf"),)):
            faults.append(own)
    return faults, healthy


def by_doctor(own: Measured) -> Judged:
    found = findings(own)
    return any(f.severity != "advice" for f in found), [frozenset({f.code}) for f in found]


def findings(own: Measured) -> list[Finding]:
    assert own.ran.case is not None
    return examine([own.ran.case]).findings


def by_rule(name: str) -> Judge:
    def judge(own: Measured) -> Judged:
        assert own.ran.recorded is not None
        named = RULES[name](own.ran.recorded)
        return bool(named), [frozenset().union(*named)] if named else []

    return judge


def rate(hits: int, of: int) -> str:
    """A share with its Wilson interval."""
    if not of:
        return "—"
    low, high = binomtest(hits, of).proportion_ci(method="wilson")
    return f"{hits / of:.1%} ({low:.1%} to {high:.1%}), {hits} of {of}"


def row(name: str, judge: Judge, faults: Sequence[Measured], healthy: Sequence[Measured]) -> list[str]:
    """One judge's figures."""
    judged = [(own, *judge(own)) for own in faults]
    ordered = judge is by_doctor
    return [
        name,
        rate(sum(alarm for _, alarm, _ in judged), len(faults)),
        rate(sum(judge(own)[0] for own in healthy), len(healthy)),
        rate(sum(_named(own, codes[:1]) for own, _, codes in judged), len(faults)) if ordered else "—",
        rate(sum(_named(own, codes[:3]) for own, _, codes in judged), len(faults)),
    ]


def _named(own: Measured, codes: Sequence[frozenset[str]]) -> bool:
    return any(code & own.program.codes for code in codes)


def print_by_operator(faults: Sequence[Measured]) -> None:
    """How each kind of mutant fares, and what comes first where the right code does not."""
    kinds: dict[str, list[Measured]] = defaultdict(list)
    for own in faults:
        name = own.program.name.rpartition(", ")[2]
        kinds[name if name in {**OPERATORS, **MORE} else "programs"].append(own)
    rows = []
    for name, members in kinds.items():
        judged = [(own, *by_doctor(own)) for own in members]
        wrong = [
            next(iter(codes[0]), "") if codes else "nothing"
            for own, _, codes in judged
            if not _named(own, codes[:1])
        ]
        counts = [sum(alarm for _, alarm, _ in judged)]
        counts += [sum(_named(own, codes[:k]) for own, _, codes in judged) for k in (1, 3)]
        rows.append([name, str(len(members)), *map(str, counts), ", ".join(sorted(wrong))])
    print_table("Faults", ["fault", "harmful", "detected", "first", "first three", "first instead"], rows)


def print_reliability(faults: Sequence[Measured], healthy: Sequence[Measured]) -> None:
    """Of the findings at each confidence, how many name the fault; on healthy programs none does."""
    bins: dict[float, list[bool]] = defaultdict(list)
    for own in (*faults, *healthy):
        for finding in findings(own):
            if finding.severity != "advice":
                bins[round(finding.confidence, 1)].append(finding.code in own.program.codes)
    print_table(
        "Errors and warnings by confidence",
        ["confidence", "alarms", "right"],
        [
            [f"{level:.1f}", str(len(hits)), rate(sum(hits), len(hits))]
            for level, hits in sorted(bins.items())
        ],
    )


def print_alarms(healthy: Sequence[Measured]) -> None:
    """The healthy programs that raised an alarm, one a line."""
    for own in healthy:
        alarms = [f"{f.code} {f.confidence:g}" for f in findings(own) if f.severity != "advice"]
        if alarms:
            print(f"  {own.program.name} (score {own.score:.2f}): {', '.join(alarms)}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--programs", type=Path, help="descriptions of buggy programs")
    parser.add_argument(
        "--codes", type=Path, help="finding codes by fault label; beside the programs by default"
    )
    parser.add_argument("--mutants", type=int, default=7, help="mutants an operator")
    parser.add_argument("--more", type=int, default=3, help="mutants an operator of the second list")
    parser.add_argument("--controls", type=int, default=210, help="healthy programs")
    parser.add_argument("--half", choices=("tune", "check"), help="one half of the programs, by name")
    parser.add_argument("--keep", type=Path, help="folder of what was measured")
    parser.add_argument("--minutes", type=float, default=1e6, help="begin nothing new after so long")
    parser.add_argument(
        "--details", action="store_true", help="tables by fault and confidence, and each false alarm"
    )
    parser.add_argument(
        "--cost", action="store_true", help="measure the doctor's share of the training time instead"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if given.cost:
        print_cost()
        return
    real = (
        read(given.programs, given.codes or given.programs.with_name("label_codes.json"))
        if given.programs
        else []
    )
    with tempfile.TemporaryDirectory() as scratch:
        store = Store(given.keep or Path(scratch), time.monotonic() + 60 * given.minutes)
        sets = {
            "programs": real,
            "mutants": mutants(given.mutants),
            "more mutants": mutants(given.more, MORE),
            "healthy": controls(given.controls),
        }
        taken = {name: [own for own in each if in_half(own, given.half)] for name, each in sets.items()}
        both = {name: measure(store, each, [*BASES, *real]) for name, each in taken.items()}
    faults = [own for each in both.values() for own in each[0]]
    healthy = [own for each in both.values() for own in each[1]]
    rows = [row(f"doctor, {name}", by_doctor, *each) for name, each in both.items()]
    rows.append(row("doctor", by_doctor, faults, healthy))
    rows += [row(name, by_rule(name), faults, healthy) for name in RULES]
    print_table(
        "The doctor and other rules", ["by", "detection", "false alarms", "first", "first three"], rows
    )
    if given.details:
        print_by_operator(faults)
        print_reliability(faults, healthy)
        print_alarms(healthy)


def in_half(program: Program, half: str | None) -> bool:
    """Whether a program belongs to a half: all that comes from one healthy program or description to the same one."""
    even = zlib.crc32(program.base.encode()) % 2 == 0
    return half is None or even == (half == "tune")


if __name__ == "__main__":
    main()
