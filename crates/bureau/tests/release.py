"""What an attacker computes from sums over units: exact linear algebra over the rationals. Reads cases as JSON, writes what is told."""
import json
import sys
from fractions import Fraction
from itertools import combinations


def echelon(rows):
    basis = []
    for row in rows:
        row = reduce(row, basis)
        pivot = next((at for at, value in enumerate(row) if value), None)
        if pivot is not None:
            basis.append((pivot, [value / row[pivot] for value in row]))
    return basis


def reduce(row, basis):
    for pivot, known in basis:
        if row[pivot]:
            factor = row[pivot]
            row = [a - factor * b for a, b in zip(row, known)]
    return row


def vector(members, count):
    members = set(members)
    return [Fraction(int(at in members)) for at in range(count)]


def told(case):
    count, least = case["units"], case["least"]
    basis = echelon([vector(members, count) for members in case["given"]])
    found = []
    for size in range(1, least):
        for group in combinations(range(count), size):
            if not any(reduce(vector(group, count), basis)):
                found.append(list(group))
    for kept in case["kept"]:
        if not any(reduce(vector(kept, count), basis)):
            found.append(kept)
    # Each unit knows its own part.
    for own in range(count):
        with_own = basis + echelon([reduce(vector([own], count), basis)])
        for other in range(count):
            if other != own and not any(reduce(vector([other], count), with_own)):
                found.append([own, other])
    return found


json.dump([told(case) for case in json.load(sys.stdin)], sys.stdout)
