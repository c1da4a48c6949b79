"""Who writes into a shared folder: names for scratch files and locks that no two processes on any machine share.

Process ids mean nothing on another machine, in another container (another process-id namespace) or after a restart. So
an owner is named by machine, start of the machine, namespace, process and start of the process, and only what ran in
this very namespace is ever said to be dead.
"""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from ...plugins.child_processes import state_of

_MARK = re.compile(r"([\w.-]{1,40})\+(\w{1,12})\+(\d+)\+(\d+)\+(\d+)")


@dataclass(frozen=True, slots=True)
class Owner:
    """A process."""

    host: str
    boot: str
    """Beginning of the id that the kernel drew when the machine was started; `none` where it has none."""
    namespace: int
    """Of process ids; 0 where the system has none."""
    process: int
    started: int
    """When, in ticks of the machine; 0 where unknown."""

    @staticmethod
    def here() -> Owner:
        """This process."""
        name = re.sub(r"[^\w.-]", "_", platform.node() or "unnamed", flags=re.ASCII)[:40]
        return Owner(name, _boot(), _namespace(), os.getpid(), _started("self"))

    @staticmethod
    def parse(text: str) -> Owner | None:
        """The owner of that mark; None for what is none."""
        found = _MARK.match(text)
        if found is None:
            return None
        return Owner(found[1], found[2], int(found[3]), int(found[4]), int(found[5]))

    @property
    def mark(self) -> str:
        """A text for file names, that `parse` takes apart."""
        return f"{self.host}+{self.boot}+{self.namespace}+{self.process}+{self.started}"

    def beside(self, process: int) -> str:
        """A text for file names, of a process in the same namespace whose start need not be known."""
        return f"{self.host}+{self.boot}+{self.namespace}+{process}"

    @property
    def shown(self) -> str:
        """For messages."""
        return f"host {self.host}, process {self.process}"

    def same_kernel(self, other: Owner) -> bool:
        """Whether both run, or ran, on one machine between two starts of it."""
        return self.boot != "none" and (self.host, self.boot) == (other.host, other.boot)

    def same_namespace(self, other: Owner) -> bool:
        """Whether the numbers of both their processes mean the same."""
        return (self.host, self.boot, self.namespace) == (other.host, other.boot, other.namespace)

    def is_dead(self, here: Owner) -> bool:
        """Whether the process has certainly ended, as far as `here` can see: False for what another can see alone."""
        if not self.same_namespace(here):
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        now = _started(str(self.process)) if _proc_is_ours() else 0
        return bool(now and self.started and now != self.started)  # the number was given out again


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip().replace("-", "")[:12]
    except (OSError, ValueError):
        return "none"


def _namespace() -> int:
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0


def _started(process: str) -> int:
    try:
        return int(state_of(process)[19])
    except (OSError, ValueError, IndexError):
        return 0


def _proc_is_ours() -> bool:
    """Whether /proc shows the namespace of this process."""
    try:
        return os.fspath(Path("/proc/self").readlink()) == str(os.getpid())
    except OSError:
        return False
