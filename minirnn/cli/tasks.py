"""`tasks`: what tasks there are."""

from ..description import summary
from ..tasks import TASKS
from .common import add_command


def add(commands):
    add_command(commands, "tasks", run, "list the tasks")


def run(options):
    for name, kind in TASKS.items():
        print(f"{name:<12} {summary(kind)}\n{'':<13}{kind.source}")
