"""The rules of `rules.vtl` on `figures.csv`, by vtlengine: its time without reading, and the verdicts that `audit_bench` prints too."""
import sys
import time

import pandas
import vtlengine

folder = sys.argv[1]
figures = pandas.read_csv(f"{folder}/figures.csv", dtype="float64")
figures["n"] = figures["n"].astype("int64")
script = open(f"{folder}/rules.vtl", encoding="utf-8").read()
components = [{"name": "n", "type": "Integer", "role": "Identifier", "nullable": False}]
components += [{"name": c, "type": "Number", "role": "Measure", "nullable": True} for c in figures.columns if c != "n"]
structures = {"datasets": [{"name": "DS_1", "DataStructure": components}]}

begun = time.perf_counter_ns()
result = vtlengine.run(script=script, data_structures=structures, datapoints={"DS_1": figures})["DS_r"].data
took = time.perf_counter_ns() - begun
print(f"rows {len(figures)} nanoseconds {took}")
for name in [c for c in result.columns if c.startswith("r")]:
    verdicts = result[["n", name]]
    unmet = verdicts[verdicts[name].eq(False).fillna(False)]["n"].astype("int64") + 1
    mark = 0
    for row in unmet.sort_values():
        mark = (mark + row * row % 1_000_000_007) % 1_000_000_007
    met = int(verdicts[name].eq(True).fillna(False).sum())
    print(f"{name} {met} {len(unmet)} {len(verdicts) - met - len(unmet)} {mark}")
