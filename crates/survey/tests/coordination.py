"""Coordination of a form's figures with outside ones, in rational arithmetic. Reads JSON on stdin, writes JSON on stdout.

Each case is [compare, most, now of the form, now from outside, before of the form, before from outside]; null is what is not known. The answer is
null where nothing is said, and else the score with nine decimals, or "—" where there is none.
"""
import json
import sys
from decimal import Decimal, getcontext
from fractions import Fraction

getcontext().prec = 60


def score(compare, most, *figures):
    left, right, left_before, right_before = [None if text is None else Fraction(text) for text in figures]
    if left is None or right is None:
        return None
    if compare == "level":
        return None if right == 0 else abs(left - right) / abs(right)
    if left_before is None or right_before is None:
        return None
    if compare == "growth":
        if left_before <= 0 or right_before <= 0:
            return None
        return abs(left / left_before - right / right_before)
    was = left_before / right_before if right_before else None
    now = left / right if right else None
    if was is None or now is None:
        # A ratio to nothing is none: it is told where one side is nothing now and the other is not.
        return None if (left == 0) == (right == 0) else "—"
    if was == 0:
        # From nothing to something has no size.
        return None if now == 0 else "—"
    return abs(now - was) / abs(was)


answers = []
for case in json.load(sys.stdin):
    found = score(*case)
    told = found == "—" or found is not None and found > Fraction(case[1])
    answers.append(None if not told else found if found == "—" else f"{Decimal(found.numerator) / Decimal(found.denominator):.9f}")
json.dump(answers, sys.stdout)
