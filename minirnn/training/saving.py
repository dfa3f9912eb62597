"""What is left of a training, on disk."""

import json

from ..files import replacing


def save_training(out, settings, model, history):
    """Write the weights to `out`/model.npz, the settings and the history to `out`/training.json."""
    model.save(out / "model.npz")
    with replacing(out / "training.json", "w") as file:
        json.dump({"settings": settings, **history.as_dict()}, file, indent=1)
