"""Codes of errors that end a command: words, sources, repairs, and a run that was stopped."""

from __future__ import annotations

from ri_declarative.codes.entry import Code, Group, Origin, of_run

_EITHER = "exit 3; exit 2 when nothing has begun yet"

USAGE = Group(
    "Runs: words on the command line",
    "Nothing has happened yet; correct the command and run it again.",
    (
        of_run(
            "ambiguous-batch",
            cause="More than one batch begins with these characters.",
            example='"3f" could be 3f2a9c1e-0000…, 3fb81d20-11ab…',
            cure="Write more of the id, or `last`.",
        ),
        of_run(
            "ambiguous-file",
            cause="`ri run --all` cannot tell which pipeline takes a file: it fits `source.match` of more than one.",
            example="customers_eu.csv fits source.match of customers (customers_*.csv) and of eu (*_eu.csv); nothing "
            "was imported",
            cure="Narrow one of the patterns, or keep the files in folders of their own.",
        ),
        of_run(
            "batch-running",
            cause="Somebody is still importing this batch.",
            example="batch 3f2a9c1e-0000-4000-8000-000000000000 is still being worked on",
            cure="Wait for its end; `ri status BATCH` shows how far it is.",
        ),
        of_run(
            "config",
            cause="A file of the project is wrong. With --json, `diagnostics` holds every finding with its own code.",
            example='pipelines/customer_data.yaml:2:1: error[unknown-key] limit: unknown key; did you mean "limits"?',
            cure="Go through the findings; each has its place and its own entry on this page.",
        ),
        of_run(
            "file-exists",
            cause="The file to write is already there; it may hold an hour of repair work.",
            example="fix.csv exists",
            cure="Name another file; `ri errors` overwrites one with --force.",
        ),
        of_run(
            "file-not-written",
            cause="The operating system does not let us write the file.",
            example="cannot write out/fix.csv: No such file or directory",
            cure="Check the folder, its permissions and the space on the disk.",
        ),
        of_run(
            "no-project",
            cause="Neither this folder nor one above it holds ri.yaml or pipelines/.",
            example="neither ri.yaml nor pipelines/ in /home/ann or a folder above it",
            cure="Go to the folder of your project.",
        ),
        of_run(
            "not-confirmed",
            cause="A command that destroys data was not confirmed.",
            example="nobody is here to be asked; nothing was removed",
            cure="Answer y, or give --yes in a script.",
        ),
        of_run(
            "nothing-matches",
            cause="`ri run --all` found no file that fits `source.match` of a pipeline.",
            example="no pipeline takes a file of inbox",
            cure="Check the folder; the message lists the patterns. Small and capital letters count.",
        ),
        Code(
            "pipeline-name",
            (Origin.FILE, Origin.RUN),
            "exit 2, in `ri check` a warning",
            "There is a file of that name, but its name cannot be a pipeline's.",
            "pipelines/customer_data.yml cannot be a pipeline: rename it to customer_data.yaml",
            "Rename it: small letters, digits and _, beginning with a letter, ending in .yaml.",
        ),
        of_run(
            "unknown-batch",
            cause="The database holds no such batch.",
            example='there is no batch "3f2a"',
            cure="Look it up with `ri status`, and check that you use the database of that run.",
        ),
        of_run(
            "unknown-pipeline",
            cause="There is no file of that name in pipelines/.",
            example='there is no pipeline "customer_date"; did you mean "customer_data"?',
            cure="Correct the name; the message lists the pipelines of the project.",
        ),
        of_run(
            "unknown-subject",
            cause="The word given to `ri explain` is neither a pipeline of the project nor an error code.",
            example='"schema.formt" is neither a pipeline here nor an error code; did you mean "schema.format"?',
            cure="Correct it. Codes are written as they are printed in brackets; `ri list` lists the pipelines.",
        ),
        of_run(
            "usage",
            cause="The words on the command line make no sense together.",
            example='no command "runn"; did you mean "run"?',
            cure="See `ri --help`, or --help of the command.",
        ),
    ),
)

SOURCE = Group(
    "Runs: the source file",
    "The file as a whole cannot be read as the pipeline declares it. Single broken records never end a run: see "
    "source.… above.",
    (
        of_run(
            "source-changed",
            ends="exit 3",
            cause="The file changed while it was read: somebody is still writing it.",
            example="customers.csv: the file changed while it was read (8399889 bytes at the start, 8412001 now, "
            "8399889 read)",
            cure="Wait until it is complete and run it again; rows that are already in are found unchanged.",
        ),
        of_run(
            "source-delimiter",
            cause="The cells seem to be separated by another character than declared, or the delimiter is impossible.",
            example='customers.csv: the header is one column, "email;name", and holds a semicolon: are its cells '
            "separated by a semicolon?",
            cure='Declare it: `delimiter: ";"` under `source`.',
        ),
        of_run(
            "source-empty",
            cause="The file is empty.",
            example="customers.csv: the file is empty; its first line must name the columns",
            cure="Find out whether the export failed. A file with a header and no records is fine.",
        ),
        of_run(
            "source-encoding",
            cause="The declared encoding is unknown, or the file says by its first bytes that it has another one.",
            example="customers.csv: source.encoding says utf-8, but the file begins with the byte-order mark of "
            "utf-16-le",
            cure="Correct `source.encoding`, or leave it out: a byte-order mark is understood.",
        ),
        of_run(
            "source-format",
            cause="The format cannot be told from the file's ending, or is unknown.",
            example='customers.xls: unknown ending ".xls"',
            cure="Declare `source.format`, or save the file in a format that the message lists.",
        ),
        of_run(
            "source-header",
            cause="The header misses a required field, names one twice, or has columns that nothing uses.",
            example='customers.csv: unknown header "emial": add it to source.fields or set source.unknown_fields: '
            'ignore; did you mean "email"?',
            cure="Name the header under `from`, or set `source.unknown_fields: ignore`.",
        ),
        of_run(
            "source-json",
            ends=_EITHER,
            cause="The JSON document is cut off, or so broken that no one can tell where the next record begins. What "
            "was read before that place stays.",
            example="customers.json: line 3, column 9: the file ends in the middle of the record that begins at line "
            "3, column 1",
            cure="Mend the file at the place named, or ask for it again: most often an export was not finished.",
        ),
        of_run(
            "source-missing",
            cause="There is no such file.",
            example='custmers.csv: there is no such file; did you mean "customers.csv"?',
            cure="Check the name and the folder you are in.",
        ),
        of_run(
            "source-records",
            cause="The records of a JSON document are not where they are looked for: in the array that is the whole "
            "document, or where the path `source.records` leads.",
            example="customers.json: the document is an object, not an array of records",
            cure="Say where they are: `records: data.items`; a key that holds a dot needs a list: `records: "
            '[data, "items.v2"]`.',
        ),
        of_run(
            "source-unreadable",
            ends=_EITHER,
            cause="The operating system cannot read the file, from the beginning or from some byte on.",
            example="customers.csv: cannot be read: Permission denied",
            cure="Check permissions and the disk or network drive, then run it again.",
        ),
    ),
)

REPAIR = Group(
    "Runs: the repaired file",
    "For `ri reprocess BATCH --from fix.csv`. Nothing is written before the whole file is understood.",
    (
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
    "What is committed stays. The same `ri run` again finds those rows unchanged and goes on; for a batch of repaired "
    "records, `ri reprocess` of its parent takes the rest.",
    (
        of_run(
            "already-reprocessed",
            ends="exit 3",
            cause="Two runs took the same failed records again at the same time; the other one was first.",
            example="another batch has taken these records again meanwhile",
            cure="Look at the other batch with ri status; no record is applied twice.",
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
            cause="The database went away: connection lost, server shut down, disk full.",
            example="the database stopped the run: terminating connection due to administrator command "
            "(SQLSTATE 57P01)",
            cure="When it is back, run it again.",
        ),
        of_run(
            "internal",
            ends="exit 3",
            cause="A mistake in ri itself.",
            example="KeyError: 'email'",
            cure="Run it again with --debug and report the traceback. The data is as safe as in any other stop.",
        ),
        of_run(
            "lost-ownership",
            ends="exit 3",
            cause="This process was silent for so long that another runner took the batch over.",
            example="another runner owns batch 3f2a9c1e-0000-4000-8000-000000000000: this chunk is dropped",
            cure="Let the other one finish. No record is applied twice.",
        ),
    ),
)
