import golden_losses
import pytest
import torch


@pytest.mark.slow
@pytest.mark.parametrize("name", golden_losses.trained_networks())
@pytest.mark.skipif(
    not torch.__version__.startswith(f"{golden_losses.PINNED}."),
    reason=f"golden losses were made with torch {golden_losses.PINNED}, this is {torch.__version__}",
)
def test_the_first_ten_losses_are_the_golden_ones(name, tmp_path):
    losses = golden_losses.ten_losses(name, tmp_path)
    golden = golden_losses.stored().get(name)
    how = f"write it with `python tests/regenerate_golden_losses.py {name}` and say why in the commit"
    assert golden, f"{name} has no golden losses; {how}"
    assert losses == pytest.approx(golden, rel=1e-8, abs=0), f"training of {name} changed; if it was meant to, {how}"


def test_golden_losses_are_stored_for_every_network_that_is_trained_and_for_no_other():
    missing = set(golden_losses.trained_networks()) - set(golden_losses.stored())
    how = "python tests/regenerate_golden_losses.py"
    assert not missing, f"no golden losses of {sorted(missing)}; write them with `{how} {' '.join(sorted(missing))}`"
    left = set(golden_losses.stored()) - set(golden_losses.trained_networks())
    assert not left, f"golden losses of {sorted(left)}, which nothing trains any more; `{how}` writes all anew"


def test_golden_losses_are_ten_numbers_that_move():
    for name, losses in golden_losses.stored().items():
        assert len(set(losses)) == 10, f"{name} has the same loss twice: its golden losses guard little"
