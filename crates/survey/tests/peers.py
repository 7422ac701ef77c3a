"""Outlier screens from their published formulas, in rational arithmetic. Reads JSON on stdin, writes JSON on stdout.

Hidiroglou, M. A. and Berthelot, J.-M. (1986), "Statistical editing and imputation for periodic business surveys", Survey Methodology 12.
"""
import json
import sys
from decimal import Decimal, getcontext
from fractions import Fraction

getcontext().prec = 60


def quartile(values, quarter):
    """R's type 7."""
    values = sorted(values)
    place = Fraction(quarter, 4) * (len(values) - 1)
    low = place.numerator // place.denominator
    if place == low:
        return values[low]
    return values[low] + (place - low) * (values[low + 1] - values[low])


def text(value):
    """Nine decimals."""
    return f"{Decimal(value.numerator) / Decimal(value.denominator):.9f}"


def power(value, quarters):
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return Fraction(exact ** (Decimal(quarters) / 4)) if quarters else Fraction(1)


def hidiroglou_berthelot(pairs, u, a, c, least):
    known = [(at, Fraction(x), Fraction(y)) for at, (x, y) in enumerate(pairs) if Fraction(x) > 0 and Fraction(y) > 0]
    ratios = [y / x for _, x, y in known]
    middle = quartile(ratios, 2)
    effects, aways = [], []
    for (_, x, y), ratio in zip(known, ratios):
        away = 1 - middle / ratio if ratio < middle else ratio / middle - 1
        effects.append(away * power(max(x, y), u))
        aways.append(abs(away))
    first, center, third = (quartile(effects, quarter) for quarter in (1, 2, 3))
    below, above = max(center - first, abs(a * center)), max(third - center, abs(a * center))
    result = []
    for (at, _, _), effect, away in zip(known, effects, aways):
        width = below if effect < center else above
        distance = abs(effect - center)
        result.append([at, text(distance / width), distance > c * width and away >= least])
    return result


def median_mad(values, most):
    values = [Fraction(value) for value in values]
    middle = quartile(values, 2)
    width = quartile([abs(value - middle) for value in values], 2) * Fraction("1.4826")
    return [[at, text(abs(v - middle) / width), abs(v - middle) / width > most] for at, v in enumerate(values)]


def ratio(pairs, least, most):
    quotients = [(at, Fraction(x) / Fraction(y)) for at, (x, y) in enumerate(pairs) if Fraction(y) != 0]
    return [[at, text(q), q < least or q > most] for at, q in quotients]


def main():
    asked = json.load(sys.stdin)
    number = Fraction
    answer = {
        "hb": [hidiroglou_berthelot(case["pairs"], case["u"], number(case["a"]), number(case["c"]), number(case["least"])) for case in asked["hb"]],
        "mad": [median_mad(case["values"], number(case["most"])) for case in asked["mad"]],
        "ratio": [ratio(case["pairs"], number(case["least"]), number(case["most"])) for case in asked["ratio"]],
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
