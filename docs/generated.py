# SPDX-License-Identifier: BSD-3-Clause
"""What the page generators share: Markdown tables, and writing a page or checking it."""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def table(head, rows):
    """Lines of a Markdown table; rows are lists of texts."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
    return lines + [""]


def emit(path, lines, arguments):
    """Write the page, or with --check say whether the one in the tree is what would be written."""
    page = ROOT / path
    text = "\n".join(lines).rstrip() + "\n"
    if arguments not in ([], ["--check"]):
        print(f"usage: {sys.argv[0]} [--check]", file=sys.stderr)
        sys.exit(2)
    if not arguments:
        page.write_text(text, "utf-8")
    elif not page.exists() or page.read_text("utf-8") != text:
        sys.exit(f"{path} is stale: run {pathlib.Path(sys.argv[0]).name}")
