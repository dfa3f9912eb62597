"""Every cell with every value of each of its own options: what the tests that go over all cells go over."""

import minirnn

CHOICES = {
    "rda": [{"attention": attention, "hidden": hidden, "output": output}
            for attention in ("exp", "sigmoid", "softplus", "relu")
            for hidden in ("identity", "tanh") for output in ("identity", "tanh")],
    "gru": [{}, {"reset_after": True}],
    "indrnn": [{"activation": "relu"}, {"activation": "tanh"}],
}

CASES = [(name, options) for name in minirnn.CELLS for options in CHOICES.get(name, [{}])]


def label(value):
    """A test's name for a cell or its options."""
    return value if isinstance(value, str) else "-".join(str(v) for v in value.values()) or "plain"


def awaken(cell, rng):
    """Give every parameter a random value: peepholes and biases that start at 0 would hide mistakes.

    IndRNN's input weights start so small that its gradients with respect to them are all there is to see.
    """
    for name, a in cell.params.items():
        a += rng.normal(0, 0.4, a.shape)
    return cell
