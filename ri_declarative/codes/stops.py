"""Codes of errors that end a command: the repaired file, and what stops a run."""

from __future__ import annotations

from ri_declarative.codes.entry import Code, Group, Origin, of_run

_EITHER = "exit 3; exit 2 when nothing has begun yet"

REPAIR = Group(
    "Runs: the repaired file",
    "For `ri reprocess BATCH --from fix.csv`. Nothing is written before the whole file is understood.",
    (
        of_run(
            "repair-changed",
            cause="A reprocessing was interrupted, and the file of corrections that it began to take in is another one "
            "now.",
            example="/srv/fix.csv is not the file any more whose corrections batch "
            "3f2a9c1e-0000-4000-8000-000000000000 began to take in",
            cure="Take what is left with the new file: `ri reprocess PARENT --from fix.csv`.",
        ),
        of_run(
            "repair-columns",
            cause="The column _ri_item is gone; it says which record each line repairs.",
            example="fix.csv: the header has no column _ri_item, which says what each line repairs",
            cure="Start from the file that `ri errors BATCH --csv fix.csv` writes, and keep that column.",
        ),
        of_run(
            "repair-duplicate",
            cause="Two lines repair the same item.",
            example="fix.csv: item 3f2a9c1e-0000-4000-8000-000000000007 stands on line 2 and on line 5",
            cure="Keep one of them.",
        ),
        of_run(
            "repair-encoding",
            cause="The repaired file is not UTF-8: the program that saved it chose another encoding.",
            example="fix.csv: line 3 is not UTF-8",
            cure="Save it as UTF-8, in Excel as the file type CSV UTF-8. `ri errors BATCH --csv fix.csv --bom` writes "
            "a file that Excel opens and saves as UTF-8 by itself.",
        ),
        of_run(
            "repair-item",
            cause="The line names an item of another batch, or no item at all.",
            example="fix.csv: line 2: item 7 does not belong to this batch",
            cure="Use the file that `ri errors` wrote for this very batch.",
        ),
        of_run(
            "repair-row",
            cause="A line of the repaired file is broken, or has lost its item.",
            example="fix.csv: line 3 cannot be read: expected 6 cells, found 7",
            cure="Mend the line, or remove it: records that are not in the file stay as they are.",
        ),
    ),
)

STOPPED = Group(
    "Runs: stopped while they ran",
    "What is committed stays. `ri resume` finishes the batch from there, and so does the same command once more.",
    (
        of_run(
            "already-reprocessed",
            ends="exit 3",
            cause="Two runs took the same failed records again at the same time; the other one was first.",
            example="another batch has taken these records again meanwhile",
            cure="Look at the other batch with ri status; no record is applied twice.",
        ),
        of_run(
            "batch-running",
            ends="exit 3",
            cause="Somebody works on this batch, or on a file of the same content. A runner that was killed counts as "
            "alive until its lease has ended.",
            example="somebody works on it already: batch 3f2a9c1e-0000-4000-8000-000000000000 of customers.csv "
            "(host7, process 4711)",
            cure="Wait for its end, or give `--wait`; `ri status BATCH` shows how far it is.",
        ),
        of_run(
            "db.connection",
            ends=_EITHER,
            cause="The connection to the database was lost and could not be made again for `--give-up-after` seconds.",
            example="the connection to the database was lost: server closed the connection unexpectedly",
            cure="When the database is back: `ri resume`. Nothing is lost, nothing is applied twice.",
        ),
        of_run(
            "db.forgotten",
            ends="exit 3",
            cause="The database has lost what it had committed: it crashed with `synchronous_commit = off`, or a "
            "failover went to a server that lagged behind.",
            example="the database has lost what it had committed of batch 3f2a9c1e-0000-4000-8000-000000000000: it "
            "crashed, or another server took its place",
            cure="`ri resume BATCH` goes on from what it still has; where it has lost the batch, run the file again.",
        ),
        Code(
            "db.passing",
            (Origin.RECORD, Origin.RUN),
            "item failed; exit 3; exit 2 when nothing has begun yet",
            "A deadlock, a lock or a timeout was still there after all tries. It is the item's where its hook met it.",
            "deadlock detected (SQLSTATE 40P01)",
            "Find out who else writes into the table, then run it again; `retry` in the pipeline says how often.",
        ),
        of_run(
            "db.pipeline",
            ends=_EITHER,
            cause="The table changed under the run: a column, a type or a privilege is gone.",
            example='the pipeline no longer fits the database: column "name" of relation "customers" does not exist '
            "(SQLSTATE 42703)",
            cure="Repair the pipeline or the table, then run it again.",
        ),
        of_run(
            "db.world",
            ends=_EITHER,
            cause="The database cannot go on: its disk is full, its memory, a file of its own is broken.",
            example='the database stopped the run: could not extend file "base/16384/16389": No space left on device '
            "(SQLSTATE 53100)",
            cure="When it can, finish the batch: `ri resume`.",
        ),
        of_run(
            "internal",
            ends="exit 3",
            cause="A mistake in ri itself.",
            example="KeyError: 'email'",
            cure="Run it again with --debug and report the traceback. The data is as safe as in any other stop.",
        ),
        of_run(
            "interrupted",
            ends="exit 3; after a signal 128 and its number",
            cause="A signal came before the import had begun: while standard input arrived, or while another batch "
            "was waited for.",
            example="<stdin>: stopped while it arrived; nothing was imported",
            cure="Run it again.",
        ),
        of_run(
            "lost-ownership",
            ends="exit 3",
            cause="This process was silent for so long that another runner took the batch over.",
            example="batch 3f2a9c1e-0000-4000-8000-000000000000 was taken over: this runner was silent for longer than "
            "its lease. What it had not committed is dropped",
            cure="Let the other one finish. No record is applied twice.",
        ),
    ),
)
