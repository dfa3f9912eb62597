"""What happened in a training run."""

from dataclasses import dataclass, field


@dataclass
class History:
    """What happened in a training run.

    Attributes:
        losses: the loss of every step's batch in the task's unit, before its update, with the batch's own normalisation and
            with dropout.
        metrics: name -> one number per step.
        evaluations: one dict for each time that held-out sequences were looked at: "step", "loss" and the metrics.
        seconds: how long it took.
        solved_at: the step at which the criterion was met on held-out sequences, counted from 1; None if it was not.
        best_at: the step of the best evaluation; None without any.
        stopped: why it ended: "steps" (all were made), "solved", "patience", "callback", "interrupted", "error".
        signal: the number of the signal that interrupted it, if one did.
    """

    losses: list = field(default_factory=list, repr=False)
    metrics: dict = field(default_factory=dict, repr=False)
    evaluations: list = field(default_factory=list, repr=False)
    seconds: float = 0.0
    solved_at: int | None = None
    best_at: int | None = None
    stopped: str = ""
    signal: int | None = None

    @property
    def steps(self):
        """How many batches were learned from."""
        return len(self.losses)

    @property
    def interrupted(self):
        """Whether it was stopped by hand, or by the system."""
        return self.stopped == "interrupted"

    def as_dict(self):
        """For JSON."""
        return {"steps": self.steps, "solved_at": self.solved_at, "best_at": self.best_at, "seconds": self.seconds,
                "stopped": self.stopped, "interrupted": self.interrupted, "losses": self.losses, "metrics": self.metrics,
                "evaluations": self.evaluations}
