"""What two libraries read of an SDMX-CSV file, an SDMX-ML file and their structure: key of each observation, its value as text, its status."""
import json
import sys

import sdmx
from pysdmx.io import read_sdmx

csv, ml, structure = sys.argv[1:4]
KEY = ["FORM", "EDITION", "UNIT", "INDICATOR", "COLUMN", "TIME_PERIOD"]


def text(value):
    return None if value is None or value != value or value == "" else str(value)


def frame(message):
    rows = message.data[0].data
    return {"|".join(str(row[k]) for k in KEY): [text(row["OBS_VALUE"]), row["STATUS"]] for _, row in rows.iterrows()}


def observations(message):
    rows = {}
    for dataset in message.data:
        for seen in dataset.obs:
            key = {own.id: str(own.value) for own in seen.dimension.values.values()}
            rows["|".join(key[k] for k in KEY)] = [text(seen.value), str(seen.attached_attribute["STATUS"].value)]
    return rows


# The first library also validates against the official schemas.
read_sdmx(structure, validate=True)
definition = list(sdmx.read_sdmx(structure).structure.values())[0]
json.dump(
    {
        "pysdmx csv": frame(read_sdmx(csv, validate=True)),
        "pysdmx ml": frame(read_sdmx(ml, validate=True)),
        "sdmx1 csv": observations(sdmx.read_sdmx(csv, structure=definition)),
        "sdmx1 ml": observations(sdmx.read_sdmx(ml, structure=definition)),
    },
    sys.stdout,
)
