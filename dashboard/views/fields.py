"""Fields: which fields fail, at which layer, since which deployment?"""

from __future__ import annotations

import streamlit as st

from dashboard import tables, words
from dashboard.views import blocks
from dashboard.views.frame import Frame
from parsers import Layer

TITLE, PATH, ICON = "Fields", "fields", ":material/data_object:"
PARTS = ("layer",)


def page(frame: Frame) -> None:
    st.markdown("### Fields that fail")
    layer = blocks.choose("layer", words.LADDER, key="layer")
    rows = frame.fields(frame.filters(layer=Layer(layer) if layer else None))
    if not rows and (layer or frame.narrowed()):
        blocks.empty("No failing field is named here. Take the filter away, or widen the window under View.")
        return
    if not rows:
        blocks.empty(
            "No failing field is named in these logs. A validation library that logs its issues "
            "(zod, pydantic, ajv …) would fill this."
        )
        return
    blocks.plain(
        f"{len({row.field for row in rows})} fields named by the layers that refused them; "
        "the same field at a deeper layer is another row"
    )
    names = frame.names()
    listing = tables.fields(rows, names)
    blocks.table(
        frame,
        listing,
        key="fields",
        alt="Failing fields by layer and code",
        config={"by deployment": blocks.sparkline("by deployment", "Requests, oldest deployment first")},
    )
    blocks.download(listing, "fields")
