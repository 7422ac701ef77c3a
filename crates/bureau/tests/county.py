"""A county's year, made up: what its units report and when, and the truth that whoever counts it must find.

Prints JSON: `units`, `events` in the order of time, and `truth` by period. Nothing is shared with the program: sums, deadlines and who is what
are computed here. usage: county.py UNITS PERIODS [SEED]
"""
import datetime
import json
import random
import sys

FORM = "B203"
# Filings of a year as the trade's calendar has them: January is reported together with February. Last days (18th, or the next day worked).
DUE = {
    "2025-02": "2025-03-18", "2025-03": "2025-04-18", "2025-04": "2025-05-19", "2025-05": "2025-06-18", "2025-06": "2025-07-18",
    "2025-07": "2025-08-18", "2025-08": "2025-09-18", "2025-09": "2025-10-20", "2025-10": "2025-11-18", "2025-11": "2025-12-18",
    "2025-12": "2026-01-19", "2026-02": "2026-03-18",
}
CODES = "0123456789ABCDEFGHJKLMNPQRTUWXY"
DIVISIONS = ["13", "17", "26", "30", "34", "35", "38", "39"]
TOWNS = [f"350121{n:03}" for n in range(1, 13)]
FLOWS = ["301", "307", "309", "312", "313", "323", "325", "326", "327", "401", "402"]
STOCKS = ["201", "202", "205", "213", "217"]


def credit_code(number):
    body = f"91350121MA{number:07}"
    total = sum(CODES.index(c) * pow(3, at, 31) for at, c in enumerate(body))
    return body + CODES[(31 - total % 31) % 31]


def moment(day, hour, minute):
    """A moment of China's clock as UTC."""
    at = datetime.datetime.combine(day, datetime.time(hour, minute)) - datetime.timedelta(hours=8)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class Unit:
    def __init__(self, number, dice):
        self.code = credit_code(number)
        self.name = f"示例{number:04}有限公司"
        self.region = TOWNS[number % len(TOWNS)] + "000"
        self.industry = DIVISIONS[number % len(DIVISIONS)] + "10"
        # Sizes are spread over three powers of ten; shares differ a little from unit to unit.
        self.size = int(2000 * 10 ** (3 * dice.random()))
        self.heads = max(20, self.size // 100)
        self.share = {code: 1 + (dice.random() - 0.5) / 10 for code in FLOWS + STOCKS}
        self.growth = dice.uniform(1.02, 1.08)
        self.year_to_date, self.usual = {}, {}

    def month(self, dice, season, first):
        """Figures of one month alone: what is sold moves a few percent, and the rest with it."""
        sold = self.size * season * dice.uniform(0.97, 1.03) * (2 if first else 1)
        parts = {"301": 1, "307": 0.8, "309": 0.01, "312": 0.03, "313": 0.05, "325": 0.002, "326": 0.001, "401": 0.09, "402": 0.03}
        flows = {code: round(sold * part * self.share[code]) for code, part in parts.items()}
        flows["323"] = flows["301"] - flows["307"] - flows["309"] - flows["312"] - flows["313"]
        flows["327"] = flows["323"] + flows["325"] - flows["326"]
        return flows


def figures(unit, flows, usual, dice):
    """The whole report after a month: flows since January, stocks as they are. Last year was as this year would usually be."""
    rows = {}
    for code, alone in flows.items():
        unit.year_to_date[code] = unit.year_to_date.get(code, 0) + alone
        unit.usual[code] = unit.usual.get(code, 0) + usual[code]
        rows[code] = {"this_month": alone, "cumulative": unit.year_to_date[code], "prior_year": round(unit.usual[code] / unit.growth)}
    level = unit.size * 12
    stocks = {"201": 0.5, "202": 0.12, "205": 0.1, "213": 0.9, "217": 0.45}
    for code, part in stocks.items():
        value = round(level * part * unit.share[code] * dice.uniform(0.99, 1.01))
        rows[code] = {"closing": value, "prior_year": round(value / unit.growth)}
    rows["601"] = {"closing": unit.heads, "prior_year": unit.heads}
    return rows


def main():
    count, periods = int(sys.argv[1]), list(DUE)[: int(sys.argv[2])]
    dice = random.Random(sys.argv[3] if len(sys.argv) > 3 else "county")
    units = [Unit(number, dice) for number in range(1, count + 1)]
    # Who is planted as what: each kind has its own units, and most are clean for the whole year.
    order = list(range(count))
    dice.shuffle(order)
    tenth = max(1, count // 100)
    kinds = {}
    for kind in ["silent", "late", "wrong", "corrected", "suspicious", "explained", "returned"]:
        kinds[kind] = [order.pop() for _ in range(tenth * (2 if kind == "late" else 1))]
    kind_of = {at: kind for kind, own in kinds.items() for at in own}
    events, truth = [], {}
    for turn, period in enumerate(periods):
        year, month = int(period[:4]), int(period[5:])
        if month == 2:
            for unit in units:
                unit.year_to_date, unit.usual = {}, {}
        last = datetime.date.fromisoformat(DUE[period])
        opens = datetime.date(year + month // 12, month % 12 + 1, 2)
        season = [0.96, 1.0, 1.02, 1.01, 0.99, 1.03][turn % 6]
        final, late, silent, planted, letters, explained = {}, [], [], {}, [], []
        for at, unit in enumerate(units):
            kind = kind_of.get(at, "clean")
            # What is planted shows itself in some months and not in others.
            shows = (at + turn) % 3 == 0 or len(periods) < 3
            flows = usual = unit.month(dice, season, month == 2)
            if kind == "suspicious" and shows:
                # Sold several times as much as in any other month, with everything in step: no rule is broken.
                flows = {code: value * dice.randint(5, 8) // 1 if code in ("301", "307", "323", "327") else value for code, value in flows.items()}
                flows["323"] = flows["301"] - flows["307"] - flows["309"] - flows["312"] - flows["313"]
                flows["327"] = flows["323"] + flows["325"] - flows["326"]
            rows = figures(unit, flows, usual, dice)
            if kind == "suspicious" and shows:
                planted[unit.code] = kind
            if kind == "silent" and shows:
                silent.append(unit.code)
                continue
            day = opens + datetime.timedelta(days=dice.randrange((last - opens).days))
            when = moment(day, dice.randrange(8, 20), dice.randrange(60))
            if kind == "late" and shows:
                late.append(unit.code)
                # The first of them misses the deadline by a minute.
                when = moment(last + datetime.timedelta(days=1), 0, 1) if len(late) == 1 else moment(last + datetime.timedelta(days=dice.randint(1, 6)), 10, 0)
            event = {"at": when, "unit": unit.code, "period": period, "rows": rows, "explanations": [], "correction": False}
            if kind in ("wrong", "corrected") and shows:
                broken = {code: dict(columns) for code, columns in rows.items()}
                broken["327"]["cumulative"] += max(50, unit.size // 20)
                letters.append(unit.code)
                if kind == "wrong":
                    planted[unit.code] = kind
                    rows = event["rows"] = broken
                    events.append(event)
                else:
                    events.append({**event, "rows": broken})
                    fixed = moment(day + datetime.timedelta(days=2), 9, 30)
                    events.append({**event, "at": fixed, "correction": True})
            elif kind == "explained" and shows:
                # Operating profit above revenue asks for an explanation, and there is one.
                rows["323"]["cumulative"] = rows["301"]["cumulative"] + 100
                rows["327"]["cumulative"] = rows["323"]["cumulative"] + rows["325"]["cumulative"] - rows["326"]["cumulative"]
                said = {"rule": "FIN-07", "cause": "one-off", "text": f"{period} 转让子公司股权，凭证 记-0{at:03} 号，投资收益一次性计入。"}
                events.append({**event, "rows": rows, "explanations": [said]})
                explained.append(unit.code)
            else:
                events.append(event)
            if kind == "returned" and shows:
                events.append({"at": moment(last + datetime.timedelta(days=1), 9, 0), "unit": unit.code, "period": period, "return": True})
                continue
            final[unit.code] = rows
        sums, groups = {}, {}
        for unit in units:
            for code, columns in final.get(unit.code, {}).items():
                for column, value in columns.items():
                    key = f"{code} {column}"
                    for into in (sums, groups.setdefault(unit.industry[:2], {})):
                        known = into.setdefault(key, [0, 0])
                        known[0] += 1
                        known[1] += value
        returned = [units[at].code for at in kinds["returned"] if (at + turn) % 3 == 0 or len(periods) < 3]
        truth[period] = {
            "due": DUE[period], "owed": count, "reported": count - len(silent), "late": sorted(late), "silent": sorted(silent),
            "planted": planted, "letters": sorted(letters), "explained": sorted(explained), "returned": sorted(returned), "sums": sums, "groups": groups,
        }
    events.sort(key=lambda event: (event["at"], event["unit"], event.get("correction", False)))
    clean = [unit.code for at, unit in enumerate(units) if at not in kind_of]
    listed = [{"code": u.code, "name": u.name, "region": u.region, "industry": u.industry} for u in units]
    json.dump({"form": FORM, "periods": periods, "units": listed, "events": events, "truth": truth, "clean": clean,
               "kinds": {kind: [units[at].code for at in own] for kind, own in kinds.items()}}, sys.stdout, ensure_ascii=False)


main()
