"""What happened in a training run."""

from dataclasses import dataclass, field


@dataclass
class History:
    """What happened in a training run.

    Attributes:
        losses: the loss of every step's batch, before its update, with the batch's own normalisation and with dropout.
        metrics: name -> one number per step.
        seconds: how long it took.
        solved_at: the step at which `until` was reached, counted from 1; None if it was not.
        interrupted: whether it was stopped by hand.
    """

    losses: list = field(default_factory=list, repr=False)
    metrics: dict = field(default_factory=dict, repr=False)
    seconds: float = 0.0
    solved_at: int | None = None
    interrupted: bool = False

    @property
    def steps(self):
        """How many batches were learned from."""
        return len(self.losses)

    def as_dict(self):
        """For JSON."""
        return {"steps": self.steps, "solved_at": self.solved_at, "seconds": self.seconds,
                "interrupted": self.interrupted, "losses": self.losses, "metrics": self.metrics}
