"""Compares the counts of a validation with the ratchet: ratchet.py RATCHET COUNTS [UK_CORE]. Errors may only fall, Bundles only rise."""

import os
import pathlib
import sys

ratchet, counts = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
all_there = bool(sys.argv[3:] and sys.argv[3])


def read(path):
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {what: int(count) for what, count in (line.rsplit(" ", 1) for line in lines)}


now, held = read(counts), read(ratchet)
if not all_there:
    # Without the corpora neither their sets nor what UK Core says was counted, and R4 alone knows none of its extensions: fewer
    # errors say nothing then.
    held = {what: n for what, n in held.items() if what.startswith("case-") and " uk-core " not in what}
worse, better = [], []
for what in sorted(now.keys() | held.keys()):
    counted, may = now.get(what, 0), held.get(what, 0)
    if counted != may:
        (worse if (counted > may) != what.endswith(" bundles") else better).append(f"{what}: {counted}, was {may}")
if os.environ.get("UPDATE"):
    if not all_there:
        sys.exit("the ratchet is written only where the corpora are")
    head = [line for line in ratchet.read_text().splitlines() if line.startswith("#")]
    ratchet.write_text("\n".join(head + [f"{what} {n}" for what, n in sorted(now.items())]) + "\n")
else:
    for line in worse:
        print(f"worse: {line}", file=sys.stderr)
    # What got better is no reason to stop anybody. It is held once it is written down.
    for line in better if all_there else []:
        print(f"BETTER, write it down with UPDATE=1: {line}", file=sys.stderr)
    if worse:
        sys.exit("validation: there is more than the ratchet holds; each error is in target/validate/errors.tsv")
errors = sum(n for what, n in now.items() if not what.endswith(" bundles"))
print(f"{sum(n for what, n in now.items() if what.endswith(' bundles'))} Bundles validated, {errors} errors, none that the ratchet does not hold")
