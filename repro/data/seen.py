"""Pairs that were looked at and found sound: the next start looks only at files that have changed since."""

import contextlib
import hashlib
import json
from collections.abc import Sequence

from repro.data.base import Sample, SegmentationSet
from repro.data.cache import code_version, state_of
from repro.data.synthetic.once import cache_folder
from repro.files import write_atomically


class Seen:
    """The sound pairs of a data set, remembered in the cache by their files' places, sizes and times.

    What the loader's code makes of a file is a part of it: another version looks at everything again. A cache that
    cannot be read or written remembers nothing; `repro data verify` always reads everything.
    """

    def __init__(self, dataset: SegmentationSet):
        """Read what is known of `dataset`."""
        self._at = cache_folder() / "manifests" / f"{dataset.name}-seen.json"
        self._version = code_version(type(dataset))
        try:
            self._known = set(json.loads(self._at.read_bytes()))
        except (OSError, ValueError, TypeError):
            self._known = set()

    def without(self, samples: Sequence[Sample]) -> list[Sample]:
        """Return the samples that are still to be looked at."""
        return [sample for sample in samples if self._key(sample) not in self._known]

    def add(self, samples: Sequence[Sample]) -> None:
        """Remember that these are sound."""
        fresh = {self._key(sample) for sample in samples} - self._known
        if fresh:
            self._known |= fresh
            with contextlib.suppress(OSError):
                self._at.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(self._at, json.dumps(sorted(self._known)).encode())

    def _key(self, sample: Sample) -> str:
        files = (sample.image, sample.label, sample.second_label, sample.field_of_view)
        states = [f"{path.absolute()} {state_of(path)}" for path in files if path is not None]
        return hashlib.sha256("\n".join([self._version, *states]).encode()).hexdigest()[:24]
