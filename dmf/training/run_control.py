"""What users ask of a run while it trains: pause, resume, take one step, stop."""

from dataclasses import dataclass

from dmf.records import Command, RunState


@dataclass
class RunControl:
    """State of one run as the loop sees it.

    Attributes:
        state: Running or paused while it trains, then how it ended.
        allowance: Steps a paused run may still take.
    """

    state: RunState = RunState.RUNNING
    allowance: int = 0

    @property
    def is_over(self) -> bool:
        """Whether the run takes no further step in this attempt."""
        return not self.state.is_active

    @property
    def may_step(self) -> bool:
        """Whether the run may take a step now."""
        return self.state is RunState.RUNNING or (self.state is RunState.PAUSED and self.allowance > 0)

    def stepped(self) -> None:
        """Take note of a step."""
        if self.state is RunState.PAUSED:
            self.allowance -= 1

    def obey(self, command: Command) -> RunState | None:
        """Apply a command; returns the new state if it changed. Commands that change nothing are harmless."""
        wanted = self.state
        match command.name:
            case "pause":
                wanted = RunState.PAUSED
            case "resume":
                wanted, self.allowance = RunState.RUNNING, 0
            case "stop":
                wanted = RunState.STOPPED
            case "step" if self.state is RunState.PAUSED:
                self.allowance += 1
        changed = wanted is not self.state
        self.state = wanted
        return wanted if changed else None
