"""A table as a piece of HTML: no script, no style sheet, every text escaped."""

from html import escape

from repro.table.grid import Entry, Grid


def as_html(grid: Grid) -> str:
    """Return the table as HTML: bold best, second underlined."""
    columns = len(grid.headers)
    lines = [f'<table id="{escape(grid.id)}">', f"<caption>{escape(grid.title)}</caption>"]
    lines += ["<thead>", "<tr>" + "".join(f"<th>{escape(header)}</th>" for header in grid.headers) + "</tr>"]
    lines += ["</thead>", "<tbody>"]
    for index, row in enumerate(grid.rows):
        if index in grid.rule_before:
            lines.append(f'<tr><td colspan="{columns}"><em>not in the paper</em></td></tr>')
        lines.append("<tr>" + "".join(f"<td>{_marked(entry)}</td>" for entry in row) + "</tr>")
    lines += ["</tbody>", "</table>"]
    lines += [f"<p><small>{escape(line)}</small></p>" for line in (*grid.above, *grid.below, *grid.references)]
    return "\n".join(lines) + "\n"


def _marked(entry: Entry) -> str:
    text = escape(entry.text)
    shown = {0: text, 1: f"<strong>{text}</strong>", 2: f"<u>{text}</u>"}[entry.rank]
    return shown + (f"<sup>{escape(entry.mark.strip())}</sup>" if entry.mark else "")
