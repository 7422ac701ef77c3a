"""Screens among units from the reports as they were sent, the form's pack and the thresholds; the published formulas in rational arithmetic."""
import json
import pathlib
import re
import sys
import tomllib
from fractions import Fraction

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here / "../../survey/tests"))
import peers  # noqa: E402

asked = json.load(sys.stdin)
form = tomllib.loads((here / "../../../mappings/forms/2025" / f"{asked['form']}.toml").read_text())
rules = tomllib.loads(pathlib.Path(asked["thresholds"]).read_text())["peers"]
rows = {row.get("code") or row["id"]: row for row in form["row"]}


def cell(report, code, column):
    for cell in report["cells"]:
        if cell["id"] == code:
            given = cell["columns"].get(column)
            return Fraction(given["value"]) if given and given["value"] is not None else None
    return None


def money(row):
    """How much one of the row's unit is in yuan; one where it is no money."""
    if row["kind"] == "count" or not row.get("unit", form["unit"]).endswith("元"):
        return 1
    return row.get("divisor", 1 if "unit" in row else form["divisor"])


def side(report, formula):
    code = re.fullmatch(r"\[(\w+)\]", formula)[1]
    value = cell(report, code, "cumulative" if rows[code]["kind"] == "flow" else "closing")
    return None if value is None else value * money(rows[code])


def screen(name, figure, pairs, judge, fit, least):
    known = [(unit, pair) for unit, pair in pairs if None not in pair and fit(pair)]
    verdicts = judge([pair for _, pair in known]) if len(known) >= least else []
    hits = [[name, figure, known[at][0], score] for at, score, outlier in verdicts if outlier]
    ratios = [pair[1] / pair[0] if name in ("before", "year") else pair[0] / pair[1] for _, pair in known]
    quartiles = [peers.text(peers.quartile(ratios, at)) for at in (1, 2, 3)] if ratios else []
    return hits, [name, figure, len(known), quartiles]


hits, spreads = [], []


def add(*arguments):
    own, spread = screen(*arguments)
    hits.extend(own)
    spreads.append(spread)


hb = rules["hidiroglou_berthelot"]
changes = lambda pairs: peers.hidiroglou_berthelot(pairs, hb["u_quarters"], Fraction(hb["a"]), Fraction(hb["c"]), Fraction(hb["least"]))
positive = lambda pair: pair[0] > 0 and pair[1] > 0
units = sorted(asked["now"])
for code, row in rows.items():
    if row["kind"] not in ("flow", "stock", "count"):
        continue
    main, alone = ("cumulative", "this_month") if row["kind"] == "flow" else ("closing", "closing")
    figure = f"{asked['form']}:{code}"
    before = [(u, (cell(asked["before"][u], code, alone), cell(asked["now"][u], code, alone))) for u in units if u in asked["before"]]
    year = [(u, (cell(asked["now"][u], code, "prior_year"), cell(asked["now"][u], code, main))) for u in units]
    add("before", figure, before, changes, positive, rules["least_units"])
    add("year", figure, year, changes, positive, rules["least_units"])
for level in rules["level"]:
    if asked["form"] in level["forms"]:
        pairs = [(u, (side(asked["now"][u], level["left"]), side(asked["now"][u], level["right"]))) for u in units]
        judge = lambda pairs: peers.median_mad([a / b for a, b in pairs], Fraction(rules["median_mad"]["most"]))
        add("level", level["id"], pairs, judge, lambda pair: pair[1] != 0, rules["least_units"])
for edit in rules["ratio"]:
    if asked["form"] in edit["forms"]:
        pairs = [(u, (side(asked["now"][u], edit["left"]), side(asked["now"][u], edit["right"]))) for u in units]
        judge = lambda pairs: peers.ratio(pairs, Fraction(edit["least"]), Fraction(edit["most"]))
        add("ratio", edit["id"], pairs, judge, lambda pair: pair[1] != 0, 0)
json.dump({"hits": hits, "spreads": spreads}, sys.stdout)
