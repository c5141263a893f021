# SPDX-License-Identifier: BSD-3-Clause
"""Thousands of frames that differ in a few bytes, as tables: the first one whole, and of each the
bytes in which any two differ. Each frame was built in full before: this is about size only."""

import itertools

ROWS_MIN = 4


def table(port, texts):
    datas = [bytes.fromhex(text) for text in texts]
    places = [i for i, column in enumerate(zip(*datas)) if len(set(column)) > 1]
    rows = "".join(bytes(data[i] for i in places).hex() for data in datas)
    return {"port": port, "hex": texts[0], "at": places, "rows": rows}


def frame_tables(frames):
    """Items of a case file for these frames, port by port: order between ports does not count."""
    items = []
    for port in sorted({frame["port"] for frame in frames}):
        texts = [frame["hex"] for frame in frames if frame["port"] == port]
        for _, run in itertools.groupby(texts, len):
            run = list(run)
            if len(set(run)) >= ROWS_MIN:
                items.append(table(port, run))
            else:
                items += [{"port": port, "hex": text} for text in run]
    return items
