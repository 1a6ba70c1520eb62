"""Codes of errors that end a command before anything is written: words and sources."""

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
            "limit-reached",
            cause="The batch was stopped by `limits.max_failed` and has more failed records than that already: it "
            "would be stopped again at once.",
            example="batch 3f2a9c1e-0000-4000-8000-000000000000 has 1,200 failed records, which is beyond its limit "
            "already",
            cure="Allow more with `ri resume BATCH --max-failed 50%`; or mend the pipeline, run the file again, and "
            "`ri abandon` this batch.",
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
        of_run(
            "nothing-to-abandon",
            cause="The batch is completed: there is nothing left to give up.",
            example="batch 3f2a9c1e-0000-4000-8000-000000000000 is completed: nothing is left of it",
            cure="`ri errors BATCH --dismiss` marks its failed records as needing no attention.",
        ),
        of_run(
            "nothing-to-resume",
            cause="The batch is at its end or was abandoned, or no batch stopped early.",
            example="batch 3f2a9c1e-0000-4000-8000-000000000000 is completed",
            cure="`ri status` lists the batches; failed records are taken again by `ri reprocess`.",
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
            "same-file",
            cause="A file with the same content was imported completely before, and the pipeline says "
            "`source.same_file: refuse`.",
            example="customers.csv: the same content was imported 2026-11-21 18:02:11 UTC by batch "
            "3f2a9c1e-0000-4000-8000-000000000000; the pipeline refuses it again",
            cure="Nothing is to be done; or write `same_file: warn` for files that may come twice.",
        ),
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
            "source-differs",
            cause="A batch is to be resumed, but the records that it has read already are others in this file.",
            example="customers.csv: its first 5,000 records are others than those that were read before (SHA-256 over "
            "them 81c65c55ff3ac3a0… now, 5b6bc888959d0852… then)",
            cure="Resume with the file that was begun, or one that only adds to it; or import this one from its start "
            "with `ri run PIPELINE FILE --new-batch`.",
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
            "source-gone",
            cause="The batch read standard input, and what was kept of it is not here: another folder, another "
            "machine, or it was removed.",
            example="batch 3f2a9c1e-0000-4000-8000-000000000000 read <stdin>, of which nothing is kept here",
            cure="Give it the same data again: `ri resume BATCH --file FILE`; `-` is standard input.",
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
            "source-spool",
            cause="Standard input and pipes are kept in `.ri/spool` until their batch has ended. They cannot be: the "
            "disk is full, the folder is not writable, or more came than is kept (16 GiB).",
            example="what can be read only once is kept in /srv/app/.ri/spool, which failed: No space left on device",
            cure="Make room, or write the data to a file and import that.",
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
