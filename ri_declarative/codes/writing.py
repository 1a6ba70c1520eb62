"""Codes of records that could not be written: `target.`, `lookup.` (ri found out) and `db.` (the database said so)."""

from __future__ import annotations

from ri_declarative.codes.entry import Group, on_record

TARGET = Group(
    "Records that meet the target: target.…, lookup.…",
    "The record is fine by itself; what is in the table, or what came before it, decides.",
    (
        on_record(
            "lookup.missing",
            cause="The value to look up has no partner in the other table.",
            example='"XX" has no partner in countries.code',
            cure="Add the row there and reprocess the batch, correct the value, or say `missing: null`.",
        ),
        on_record(
            "target.duplicate",
            ends="item skipped with `on_duplicate: first`, failed with `error`",
            cause="A record before this one, in the same batch or in one that it repairs, has the same key.",
            example="has the same email as line 2",
            cure="Keep one of the two. To let the later one win, say `on_duplicate: last` (the default).",
        ),
        on_record(
            "target.exists",
            ends="item skipped with `on_conflict: ignore`, failed with `error`",
            cause="The table had a row with this key before the batch began, and the pipeline does not update rows.",
            example="public.customers had a row with this email before this batch",
            cure="Nothing, when existing rows are to stay. To change them, say `on_conflict: update` (the default).",
        ),
        on_record(
            "target.key_missing",
            cause="A field of the key has no value, so it is unclear which row is meant.",
            example="the key needs a value, the record has none",
            cure="Fill it in. When every record fails: is `from` the right header?",
        ),
        on_record(
            "target.not_stored",
            cause="The database reported no error and kept no row: a trigger returned NULL, or a policy hid the row.",
            example="public.bookings kept no row and raised no error: a trigger or a policy dropped it",
            cure="Look at the BEFORE triggers and the policies of the table, then reprocess the batch.",
        ),
        on_record(
            "target.superseded",
            ends="item skipped",
            cause="While this record waited for its repair, a later one with the same key was imported. "
            "The repair must not overwrite it.",
            example="line 9 has the same email, comes later and is completed",
            cure="Nothing: the table holds the later record. If the repaired one is right after all, import it as a "
            "new file.",
        ),
    ),
)

DATABASE = Group(
    "Records that the database refuses: db.…",
    "The details of the problem name the SQLSTATE, and the constraint and column where the server tells them "
    "(`ri errors BATCH --json`).",
    (
        on_record(
            "db.check",
            cause="The row breaks a CHECK constraint, a domain's rule, or fits into no partition.",
            example='-5 breaks the rule "customers_balance_check" of public.customers: (balance >= (0)::numeric)',
            cure="Correct the value. The same rule in the schema tells it earlier and in your words.",
        ),
        on_record(
            "db.constraint",
            cause="The row breaks a rule of a rarer kind; the SQLSTATE in the details says which (class 23).",
            example='update or delete on table "customers" violates RESTRICT setting of foreign key constraint '
            '"orders_email_fkey" on table "orders"',
            cure="Look up the constraint named in the details.",
        ),
        on_record(
            "db.data",
            cause="PostgreSQL cannot make the column's value from the text, or an expression of the table (a check, "
            "an index, a generated column) fails with it.",
            example='invalid input syntax for type inet: "10.0.0"',
            cure="Correct the value. A `pattern` in the schema would catch it with a better message.",
        ),
        on_record(
            "db.exclusion",
            cause="The row overlaps with another one where an EXCLUDE constraint forbids it.",
            example='conflicting key value violates exclusion constraint "bookings_during_excl"',
            cure="Correct one of the two rows; the constraint named in the details says what may not overlap.",
        ),
        on_record(
            "db.foreign_key",
            cause="The row points to a row of another table that is not there.",
            example='"XX" has no partner in public.countries (code)',
            cure="Import the other table first, then reprocess this batch; or correct the value.",
        ),
        on_record(
            "db.not_null",
            cause="A column needs a value and the record has none for it.",
            example='column "name" needs a value',
            cure="Fill it in. With `required` in the schema the record is refused earlier.",
        ),
        on_record(
            "db.raised",
            cause="A trigger or a function of the database refused the row with an error of its own.",
            example="no imports on Sundays",
            cure="The message comes from the trigger: ask whoever wrote it, or read it in psql with \\d.",
        ),
        on_record(
            "db.row_security",
            cause="A row-level security policy of the table does not let this role write the row.",
            example='new row violates row-level security policy for table "customers"',
            cure="Correct the value, change the policy, or import as another role.",
        ),
        on_record(
            "db.timeout",
            cause="Writing this one row took longer than the statement_timeout of the role or database, or an "
            "administrator canceled it. The rest of the chunk was written.",
            example="canceling statement due to statement timeout",
            cure="Look for slow triggers and missing indexes on foreign keys, then reprocess the batch.",
        ),
        on_record(
            "db.too_large",
            cause="The row or an index entry is larger than PostgreSQL can store, often a long text in an index.",
            example="index row requires 9016 bytes, maximum size is 8191",
            cure="Shorten the value, or take the column out of the index (an index on md5(column) does instead).",
        ),
        on_record(
            "db.unique",
            cause="Another row already has this value in a unique index that is not the pipeline's key.",
            example='duplicate key value violates unique constraint "customers_vat_key"',
            cure="Correct the value, or the other row. Should this column identify rows? Then it belongs in "
            "`target.key`.",
        ),
        on_record(
            "db.view_check",
            cause="The target is a view WITH CHECK OPTION, and the row would not be visible in it.",
            example='new row violates check option for view "active_customers"',
            cure="Correct the value, or import into the table behind the view.",
        ),
        on_record(
            "poison",
            cause="Three processes in a row died while they worked on this record alone or near it: a hook that "
            "crashes Python, or a value that eats all memory. It is left out, so that the batch can end.",
            example="3 runners died while they worked on this record alone or near it: it is left out",
            cure="Find out with a copy of the record why the process dies (the kernel's log tells of killed ones), "
            "mend the hook, then `ri reprocess`.",
        ),
    ),
)
