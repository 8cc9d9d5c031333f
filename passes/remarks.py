"""
Remarks: what a pass did not do to an op, and why (docs/decisions/remarks.md).

They are the attribute `tinyml.remarks` of the op, with one sentence for each pass, and
nothing that is compiled depends on them. `tinyml-opt --remarks` prints them.
"""

from __future__ import annotations

from xdsl.dialects.builtin import DictionaryAttr, StringAttr
from xdsl.ir import Operation

REMARKS = "tinyml.remarks"


def remarks(op: Operation) -> dict[str, str]:
    """What passes have said of an op, by the name of the pass."""
    found = op.attributes.get(REMARKS)
    if not isinstance(found, DictionaryAttr):
        return {}
    texts = found.data.items()
    return {name: text.data for name, text in texts if isinstance(text, StringAttr)}


def remark(op: Operation, pass_name: str, text: str | None) -> None:
    """Replaces what a pass has said of an op; None if it has nothing to say."""
    found = {k: v for k, v in remarks(op).items() if k != pass_name}
    if text is not None:
        found[pass_name] = text
    if not found:
        op.attributes.pop(REMARKS, None)
        return
    told = {name: StringAttr(found[name]) for name in sorted(found)}
    op.attributes[REMARKS] = DictionaryAttr(told)
