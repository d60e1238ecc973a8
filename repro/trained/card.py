"""The model card of exported weights: what they are, how they score, whose data they hold, how to load them."""

from collections.abc import Mapping

from repro.data import DATASETS, dataset_class

SCORES = ("miou", "jaccard", "dice", "accuracy", "sensitivity", "specificity", "auc", "pixel_accuracy", "boundary_iou")
USES = {
    "safetensors": """From a clone of the suite (`pip install -e '.[train]'`):

```python
import numpy as np
import repro

model = repro.load(".")  # this folder
image = np.zeros((96, 128, 3), np.uint8)  # (height, width, 3) RGB of any size
prediction = model.predict(image)  # (height, width) uint8, a number of model.class_names
logits = model.logits(image)  # (classes, height, width) float32
model.network  # the torch module itself: (N, 3, H, W), normalised as ImageNet is, to (N, C, H, W) logits
```

From a shell: `python -m repro.predict photo.jpg --checkpoint model.safetensors`.""",
    "onnx": """```python
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
image = np.zeros((1, 3, {height}, {width}), np.float32)  # RGB values from 0 to 255; normalised inside
(logits,) = session.run(None, {{"image": image}})  # (1, classes, {height}, {width})
prediction = logits.argmax(1)
```""",
    "smp": """```python
import torch
{imports}

network = {load}.from_pretrained(".").eval()  # this folder
image = torch.zeros(1, 3, 96, 128)  # sides divisible by 32; minus ImageNet's mean, divided by its deviation
logits = network(image)  # (1, classes, 96, 128)
```""",
}


def card(record: dict, *, weights: str, uses: str) -> str:
    """Return the card as Markdown.

    Args:
        record: of the finished run.
        weights: which of its weights, "last" or "selected".
        uses: how to load them, the filled-in text of `USES`.
    """
    run, lists = record["run"], record["lists"]
    toy = run["train"]["data"].startswith("toy_")
    parts = [
        _front(run),
        f"# {run['network']}, trained on {run['train']['data']}",
        f"The {weights} weights of run `{record['id']}` of repro, a reproduction suite for semantic segmentation: "
        f"{record['network']['parameters']:,} parameters, {len(record['classes'])} classes.",
        "It was trained on generated images and knows nothing of real ones." if toy else "",
        f"## How to load it\n\n{uses}",
        f"Classes: {', '.join(f'{number} {name}' for number, name in enumerate(record['classes']))}.",
        f"## Scores\n\n{_scores(record, weights)}",
        f"## Protocol\n\n{_protocol(record)}",
        f"## Data\n\n{_data(lists)}",
        f"## Provenance\n\n{_provenance(record)}",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _front(run: dict) -> str:
    """The lines that model hubs read."""
    fields = ["license: other", "license_name: see-the-data-terms-below", "pipeline_tag: image-segmentation"]
    return "\n".join(["---", *fields, "tags:", "- semantic-segmentation", f"- {run['network']}", "---"])


def _scores(record: dict, weights: str) -> str:
    """A table of the scores of one set of weights: a column an evaluation, in per cent."""
    found = {name.removeprefix(f"{weights} "): each for name, each in record["scores"].items()}
    found = {name: found[name] for name in found if f"{weights} {name}" in record["scores"]}
    report = record["lists"]["report"]
    names = [name for name in SCORES if any(each.get(name) is not None for each in found.values())]
    names += [f"iou:{name}" for name in record["classes"]]
    lines = [f"| per cent | {' | '.join(found)} |", f"|---|{'---|' * len(found)}"]
    lines += [f"| {name} | {' | '.join(_percent(each.get(name)) for each in found.values())} |" for name in names]
    counted = f"n = {report['n']} images of {report['data']} ({len(report['units'])} units), one run, one seed."
    return f"{counted} Columns: size of the labels, region.\n\n" + "\n".join(lines)


def _percent(score: float | None) -> str:
    return "–" if score is None else f"{100 * score:.2f}"


def _protocol(record: dict) -> str:
    """What was trained and how, a line a field; fields that are off are not there."""
    run, training = record["run"], record["training"]
    lines = [f"- {name.replace('_', ' ')}: {_words(value)}" for name, value in sorted(run["recipe"].items())]
    lines += [f"- option {name}: {_words(value)}" for name, value in sorted(run["options"].items())]
    ended = f"{training['steps']} steps ({training['ended']}), selected epoch {training['selected_epoch']}"
    return "\n".join([*lines, f"- seed: {run['seed']}", f"- trained for: {ended}"])


def _words(value) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _data(lists: Mapping[str, dict]) -> str:
    """The three lists with their hashes, and the terms of each data set in them."""
    lines = [
        f"- {name}: {each['n']} images of {each['data']}, SHA-256 {each['sha256']}" for name, each in lists.items()
    ]
    for name in dict.fromkeys(each["data"] for each in lists.values()):
        if name in DATASETS:
            data = dataset_class(name)
            lines.append(f"- {name}: {data.citation}. Terms: {data.terms}. From {data.where}.")
    return "\n".join([*lines, "", "The weights were made from these images; their terms may bind whoever uses them."])


def _provenance(record: dict) -> str:
    facts = record["provenance"]
    libraries = facts["machines"][-1]["libraries"] if facts["machines"] else {}
    clean = {True: "clean tree", False: "changed tree", None: "state of the tree unknown"}[facts["clean"]]
    return "\n".join(
        [
            f"- commit {facts['commit']} ({clean})",
            f"- {facts['kind']}, {facts['seconds']:.0f} s of training",
            f"- {', '.join(f'{name} {version}' for name, version in libraries.items())}",
        ]
    )
