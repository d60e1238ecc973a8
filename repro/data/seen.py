"""Pairs that were looked at and found sound: the next start looks only at files that have changed since."""

import contextlib
import hashlib
import json

from repro.data.base import Sample, SegmentationSet
from repro.data.cache import code_version, state_of
from repro.data.synthetic.once import cache_folder
from repro.files import write_atomically


def look(dataset: SegmentationSet) -> int:
    """Look at every pair that has changed since it was last found sound; return how many pairs there are.

    Sound pairs are remembered in the cache by their files' places, sizes and times, and by the code that reads them. A
    cache that cannot be read or written remembers nothing; `repro data verify` always reads everything.

    Raises:
        ValueError: as `SegmentationSet.check`.
    """
    remembered = cache_folder() / "manifests" / f"{dataset.name}-seen.json"
    try:
        known = set(json.loads(remembered.read_bytes()))
    except (OSError, ValueError, TypeError):
        known = set()
    version = code_version(type(dataset))
    samples = dataset.listed()
    pairs = {_key(sample, version): sample for sample in samples}
    new = pairs.keys() - known
    dataset.check_pairs(sample for key, sample in pairs.items() if key in new)
    if new:
        with contextlib.suppress(OSError):
            remembered.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(remembered, json.dumps(sorted(known | new)).encode())
    return len(samples)


def _key(sample: Sample, version: str) -> str:
    files = (sample.image, sample.label, sample.second_label, sample.field_of_view)
    states = [f"{path.absolute()} {state_of(path)}" for path in files if path is not None]
    return hashlib.sha256("\n".join([version, *states]).encode()).hexdigest()[:24]
