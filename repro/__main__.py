"""`repro VERB` is `python -m repro.VERB`."""

import difflib
import importlib
import sys

VERBS = {  # verb -> what it does, in the order of a user's first day
    "run": "train what a suite still lacks and regenerate its tables and figures (./run_all.sh)",
    "table": "print one table, or the numbers behind a figure",
    "figure": "draw one figure",
    "report": "write a suite's result as one page to look at, or as a summary in Markdown",
    "check": "check that views follow from records, scores from evidence, and the demo from its lock",
    "audit": "check the arithmetic of a paper's reported numbers",
    "bench": "measure how fast our paths are beside what a user would write instead",
    "data": "list, verify, prepare and fetch data sets",
    "pages": "rewrite the generated page of each paper in docs/",
    "own": "train a network under a paper's recipe on a folder of your own pairs",
    "weights": "fetch pretrained encoder weights",
}


def main() -> int:
    """Run the verb named first on the command line; return its exit code."""
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print("usage: repro VERB [options]; repro VERB --help says more\n")
        print("\n".join(f"  {verb:8} {what}" for verb, what in VERBS.items()))
        return 0
    verb = sys.argv.pop(1)
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, n=3, cutoff=0.4) or VERBS
        print(f"repro: there is no verb {verb!r}; did you mean {' or '.join(near)}?", file=sys.stderr)
        return 2
    module = importlib.import_module(f"repro.{verb}")
    if not hasattr(module, "main"):
        module = importlib.import_module(f"repro.{verb}.__main__")
    return module.main()


if __name__ == "__main__":
    sys.exit(main())
