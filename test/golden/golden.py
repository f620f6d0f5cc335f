"""Shared by the make-*.py scripts: inputs that provoke every rounding case, and compact JSON.

Arrays are base64 of little-endian bytes: float32 for values; int32 for codes, or int16 after "s:". A long string that
occurs twice is written once, in "shared", and named "@index" where it stood. `read.ts` undoes all that.
"""

import base64
import json
import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def f32(array):
    return base64.b64encode(np.ascontiguousarray(array, dtype="<f4").tobytes()).decode()


def i32(array):
    whole = np.asarray(array).astype("<i4")
    short = whole.astype("<i2")
    if np.array_equal(whole, short):
        return "s:" + base64.b64encode(np.ascontiguousarray(short).tobytes()).decode()
    return base64.b64encode(np.ascontiguousarray(whole).tobytes()).decode()


def share(cases):
    """The cases with every long string that repeats replaced by its place in a list, and that list."""
    seen = {}

    def count(value):
        if isinstance(value, str) and len(value) > 60:
            seen[value] = seen.get(value, 0) + 1
        elif isinstance(value, (list, dict)):
            for item in value.values() if isinstance(value, dict) else value:
                count(item)

    count(cases)
    shared = [value for value, times in seen.items() if times > 1]
    place = {value: f"@{index}" for index, value in enumerate(shared)}

    def replace(value):
        if isinstance(value, dict):
            return {key: replace(item) for key, item in value.items()}
        if isinstance(value, list):
            return [replace(item) for item in value]
        return place.get(value, value) if isinstance(value, str) else value

    return replace(cases), shared


def write(name, content):
    cases, shared = share(content["cases"])
    content = {**content, "shared": shared, "cases": cases}
    path = os.path.join(HERE, name)
    with open(path, "w") as file:
        # One case a line: differences stay readable.
        head = {key: value for key, value in content.items() if key != "cases"}
        lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in content["cases"])
        file.write(json.dumps(head, separators=(",", ":"))[:-1] + ',"cases":[\n' + lines + "\n]}\n")
    print(name, os.path.getsize(path), "bytes,", len(content["cases"]), "cases")


def provoking(step, count=96, seed=0, spread=40.0, huge=True):
    """Values around a grid of `step`: exact multiples, ties and their neighbours, noise, zeros, tiny and huge ones."""
    rng = np.random.default_rng(seed)
    step = np.float32(step)
    ties = (np.arange(-8, 8, dtype=np.float32) + np.float32(0.5)) * step
    parts = [
        np.arange(-4, 5, dtype=np.float32) * step,
        ties,
        np.nextafter(ties, np.float32(np.inf)),
        np.nextafter(ties, np.float32(-np.inf)),
        np.float32([0.0, -0.0, 1e-45, -1e-40, 1.2e-38, 1e-20]),
        np.float32([1e9, -1e9]) * step if huge else np.float32([]),
        (rng.standard_normal(count) * spread).astype(np.float32) * step,
    ]
    return np.concatenate(parts).astype(np.float32)
