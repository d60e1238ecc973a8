"""The arithmetic of reported numbers: can they come from one set of predictions, and of which pixels?

`check_group` takes printed rows and says under which readings they are possible. The command line and
`repro.audit.declared` take this suite's papers; `repro.audit.files` takes anybody's table.
"""

from repro.audit.finding import IF_POOLED, INCONSISTENT, NOTED, POSSIBLE, Finding
from repro.audit.group import Group, Printed, PrintedRow
from repro.audit.readings import Reading, any_share, of_counts, of_set, within
from repro.audit.rows import check_group, possible

__all__ = [
    "IF_POOLED",
    "INCONSISTENT",
    "NOTED",
    "POSSIBLE",
    "Finding",
    "Group",
    "Printed",
    "PrintedRow",
    "Reading",
    "any_share",
    "check_group",
    "of_counts",
    "of_set",
    "possible",
    "within",
]
