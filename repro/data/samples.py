"""Training and evaluation samples: map-style sequences of uint8 tensors; normalisation happens on the device."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from repro.data.base import Sample, SegmentationSet, content_hash
from repro.data.cache import Prepared, read_pair
from repro.data.images import size_of
from repro.data.transforms import Augmentation, Size, resize_image, resize_label

KEPT_BYTES = 512 * 2**20  # decoded training pairs held in memory, over all workers together


class TrainingSamples(torch.utils.data.Dataset):
    """Augmented training pairs; `[(epoch, index)]` is the pair `index` of the list as seen in `epoch`.

    What comes back is a function of the files, the arguments and (epoch, index) alone: neither the worker, nor the
    order of calls, nor any global random state has a part in it. Decoded (and resized) pairs are kept until
    `kept_bytes` are full; the others are decoded again each time.

    Args:
        dataset: the set the samples belong to.
        samples: the training list.
        size: (height, width) to resize every pair to first; None keeps it as it is.
        crop: (height, width) of a random crop; smaller images are padded with void. None trains on whole images.
        augmentations: keys of `repro.data.transforms.AUGMENTATIONS`, applied in this order.
        seed: of the run.
        kept_bytes: memory for decoded pairs.
        prepared: the same samples at the same size, decoded before; read in place of the files.

    Raises:
        ValueError: the list is empty, an augmentation is unknown, a diagonal flip of what is not square, or whole
            images of different sizes, which no batch can hold.
    """

    def __init__(
        self,
        dataset: SegmentationSet,
        samples: Sequence[Sample],
        *,
        size: Size | None,
        crop: Size | None,
        augmentations: Sequence[str],
        seed: int,
        kept_bytes: int = KEPT_BYTES,
        prepared: Prepared | None = None,
    ):
        if not samples:
            raise ValueError(f"{dataset.name}: an empty training list, expected at least one image.")
        self.dataset, self.samples, self.size, self.seed = dataset, tuple(samples), size, seed
        self._augment = Augmentation(crop=crop, augmentations=augmentations)
        shape = crop or size or self._common_size()
        if "diagonal_flip" in augmentations and shape[0] != shape[1]:
            raise ValueError(
                f"diagonal_flip needs square images, not {shape[0]} x {shape[1]}; set size or crop."
            )
        self._kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._room = kept_bytes
        assert prepared is None or (prepared.samples, prepared.size) == (self.samples, size and tuple(size))
        self._prepared = prepared

    def _common_size(self) -> Size:
        sizes: dict[Size, Sample] = {}
        for sample in self.samples:
            sizes.setdefault(size_of(sample.image), sample)
        if len(sizes) > 1:
            found = ", ".join(
                f"{height} x {width} ({s.image.name})" for (height, width), s in [*sizes.items()][:2]
            )
            raise ValueError(f"{self.dataset.name}: images of different sizes, {found}; set size or crop.")
        return next(iter(sizes))

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the uint8 tensors (3, H, W) image and (H, W) train ids of `key`, which is (epoch, index)."""
        epoch, index = key
        image, label = self._pair(index)
        image, label = self._augment(image, label, seed=self.seed, epoch=epoch, index=index)
        return _image_tensor(image), torch.from_numpy(np.array(label, order="C"))

    def name(self, index: int) -> str:
        """Return the name of the image at `index` of the list, for messages."""
        return self.samples[index].name

    def _pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if self._prepared is not None:
            return self._prepared[index]
        if index in self._kept:
            return self._kept[index]
        pair = read_pair(self.dataset, self.samples[index], self.size)
        worker = torch.utils.data.get_worker_info()
        taken = (pair[0].nbytes + pair[1].nbytes) * (worker.num_workers if worker else 1)
        if taken <= self._room:
            self._room -= taken
            self._kept[index] = pair
        return pair

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_kept": {}}  # a spawned worker decodes for itself


@dataclass(frozen=True)
class EvaluationSample:
    """One image as the network sees it, with its label as the publisher made it."""

    image: torch.Tensor  # (3, h, w) uint8, at input size
    label: torch.Tensor  # (H, W) uint8 train ids, at native size
    input_label: torch.Tensor | None  # (h, w), the label at input size; None where that is the native size
    field_of_view: torch.Tensor | None  # (H, W) bool, at native size
    name: str
    unit: str
    second_label: torch.Tensor | None  # (H, W) uint8 train ids by a second observer, where there is one
    content_hash: str  # 16 hex digits of the SHA-256 of the image file


class EvaluationSamples(torch.utils.data.Dataset):
    """The images of a list one by one, not augmented; only the image is resized for the network.

    Args:
        dataset: the set the samples belong to.
        samples: the list, in the order of evaluation.
        size: (height, width) the network sees; None shows it the image as it is.
    """

    def __init__(self, dataset: SegmentationSet, samples: Sequence[Sample], *, size: Size | None):
        self.dataset, self.samples, self.size = dataset, tuple(samples), size

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> EvaluationSample:
        sample = self.samples[index]
        image, label = read_pair(self.dataset, sample)
        field_of_view = self.dataset.read_field_of_view(sample)
        second_label = self.dataset.read_second_label(sample)
        return EvaluationSample(
            image=_image_tensor(resize_image(image, self.size) if self.size else image),
            label=torch.from_numpy(label),
            input_label=torch.from_numpy(resize_label(label, self.size)) if self.size else None,
            field_of_view=None if field_of_view is None else torch.from_numpy(field_of_view),
            name=sample.name,
            unit=sample.unit,
            second_label=None if second_label is None else torch.from_numpy(second_label),
            content_hash=content_hash(sample.image),
        )


def _image_tensor(image: np.ndarray) -> torch.Tensor:
    planes = np.empty((3, *image.shape[:2]), np.uint8)
    cv2.split(image, [*planes])  # four times as fast as a transposed copy
    return torch.from_numpy(planes)
