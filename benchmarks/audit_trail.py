"""What one user did at the API server, read while it happens."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from control_plane import audit

READING: Final = frozenset({"get", "list", "watch"})
BUSY: Final = 429


class AuditTrail:
    """Follows the audit log from now on, for one user."""

    def __init__(self, log: Path, username: str) -> None:
        self._log, self._username = log, username
        self._offset = log.stat().st_size
        self.patches: Counter[str] = Counter()
        """Status patches that were taken, by the name of the object."""
        self.writes: Counter[str] = Counter()
        """Writes that were taken, by verb and resource."""
        self.calls = 0
        """Answers of any kind, watches included."""
        self.busy = 0
        """Answers of 429."""
        self.last_patch = 0.0
        """When the last object was patched for the first time, seconds since the epoch."""

    def read(self) -> "AuditTrail":
        """Read what was written since."""
        for event in self._new():
            if event.user.username == self._username:
                self._note(event)
        return self

    @property
    def twice(self) -> int:
        """Status patches beyond the first of each object."""
        return self.patches.total() - len(self.patches)

    def _new(self) -> Iterator[audit.Event]:
        with self._log.open("rb") as file:
            file.seek(self._offset)
            whole = file.read().rpartition(b"\n")[0]
        self._offset += len(whole) + 1 if whole else 0
        return audit.decoded(whole.splitlines())

    def _note(self, event: audit.Event) -> None:
        code, at = event.response_status.code, event.object_ref
        self.calls += 1
        self.busy += code == BUSY
        if event.verb in READING or code >= 300:
            return
        resource = f"{at.resource}/{at.subresource}" if at.subresource else at.resource
        self.writes[f"{event.verb} {resource}"] += 1
        if resource == "slacktenants/status":
            if at.name not in self.patches:
                self.last_patch = datetime.fromisoformat(event.stage_timestamp).timestamp()
            self.patches[at.name] += 1
