"""The embedded PostgreSQL of a project. The public verbs are here, the way they keep their word is in the modules.

server       attach, start, stop, status
cluster      initdb, start and halt of one data folder
postmaster   proof that a process is our postmaster; the only sender of signals
home, locks  where a project's data lies; who uses it
watcher      a process that stops a server nobody uses (imported by nobody: it is run with -m)
binaries     where PostgreSQL's programs are
server_user  as whom they run
"""

from ri_declarative.database.embedded.server import (
    DATABASE,
    Attached,
    EmbeddedServer,
    Status,
    attach,
    start,
    status,
    stop,
)

__all__ = ["DATABASE", "Attached", "EmbeddedServer", "Status", "attach", "start", "status", "stop"]
