"""What a checkpoint takes from training."""

import torch

from repro.bench.saving import measure


def test_turns_with_checkpoints_stand_beside_turns_without():
    tiny = {"unet": {"width": 4, "batch_norm": True}}
    sheet = measure(device=torch.device("cpu"), networks=tiny, rounds=1, apart=2)
    ((name, millions, megabytes, waits, longer, share),) = sheet.rows
    assert name == "unet" and float(millions) > 0
    assert float(megabytes) > 8 * float(millions)  # the weights and Adam's two moments, four bytes each
    assert float(waits) > 0
    assert abs(float(share) - max(float(waits), float(longer)) / 3) < 0.01  # per cent of 300 s
