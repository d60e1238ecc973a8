"""A recorded training curve as positions and values."""


def points_of(points: list[dict], quantity: str, axis: str) -> list[tuple[float, float]]:
    """Return (position, value) of one quantity of a recorded curve.

    Over epochs the training loss is the mean over the epoch's steps; over steps it is each point's own mean, over the
    steps since the point before.

    Args:
        points: as `repro.records.Record.curve` returns them, oldest first.
        quantity: "train_loss", "selection_loss" or "report_loss"; points without it are left out.
        axis: "epoch" (from 1) or "step".
    """
    if quantity != "train_loss":
        return [(point[axis], point[quantity]) for point in points if point.get(quantity) is not None]
    if axis == "step":
        return [(point["step"], point["train_loss"]) for point in points]
    sums: dict[float, list[float]] = {}
    previous = 0.0
    for point in points:
        steps = point["step"] - previous
        total = sums.setdefault(point["epoch"], [0.0, 0.0])
        total[0] += point["train_loss"] * steps
        total[1] += steps
        previous = point["step"]
    return [(epoch, total / steps) for epoch, (total, steps) in sums.items()]
