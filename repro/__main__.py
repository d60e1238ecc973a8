"""`repro VERB` is `python -m repro.VERB`."""

import difflib
import importlib
import sys

from repro.command import run

VERBS = {  # verb -> what it does, in the order of a user's first day
    "run": "train what a suite still lacks and regenerate its tables and figures (./run_all.sh)",
    "runs": "list what is running, done and failed here, or free disk (--prune)",
    "log": "show or follow the training curve of one run",
    "table": "print one table, or the numbers behind a figure",
    "figure": "draw one figure",
    "report": "write a suite's result as one page to look at, or as a summary in Markdown",
    "check": "check that views follow from records, scores from evidence, and the demo from its lock",
    "collect": "bring the records of several machines together, or pack them to be sent",
    "audit": "check the arithmetic of a paper's reported numbers",
    "predict": "segment your own images with a trained network",
    "export": "export trained weights: safetensors, ONNX or smp's form, with a model card",
    "score": "score masks that any tool made, and show them as a row of the tables",
    "own": "train a network under a paper's recipe on a folder of your own pairs",
    "data": "list, verify, prepare and fetch data sets",
    "weights": "fetch pretrained encoder weights",
    "pages": "rewrite the generated page of each paper in docs/",
    "bench": "measure how fast our paths are beside what a user would write instead",
}
EXAMPLES = """examples:
  ./run_all.sh                          train the demo: no data needed
  ./run_all.sh camvid --dry-run         what a suite would do, and take
  repro table paper1_table1             reported, measured, verdict
  repro runs                            what was trained here
  repro predict photo.jpg --run ID      masks from one of those runs"""


def main() -> int:
    """Run the verb named first on the command line; return its exit code."""
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        return run(_help, None, "repro")
    verb = sys.argv.pop(1)
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, n=3, cutoff=0.4) or VERBS
        print(f"repro: there is no verb {verb!r}; did you mean {' or '.join(near)}?", file=sys.stderr)
        return 2
    return run(lambda _: _main_of(verb)(), None, f"repro.{verb}")


def _main_of(verb: str):
    """The function of a verb; its module may need what a base install lacks."""
    module = importlib.import_module(f"repro.{verb}")
    if not hasattr(module, "main"):
        module = importlib.import_module(f"repro.{verb}.__main__")
    return module.main


def _help(_) -> int:
    print("usage: repro VERB [options]; repro VERB --help says more, with examples\n")
    print("\n".join(f"  {verb:8} {what}" for verb, what in VERBS.items()))
    print(f"\n{EXAMPLES}\n\n`./run_all.sh VERB` and `python -m repro.VERB` are the same where repro is not installed.")
    print("Colours are for terminals only; NO_COLOR=1 turns them off.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
