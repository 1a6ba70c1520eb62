"""Codes of findings in files that a person wrote: ri.yaml, pipelines, schemas, and how they fit the database."""

from __future__ import annotations

from ri_declarative.codes.entry import Code, Group, Origin, in_file, warning

TEXT = Group(
    "Files: YAML and JSON",
    "Stricter than YAML itself: what two readers may understand in two ways is refused.",
    (
        in_file(
            "duplicate-key",
            cause="The same key stands twice in one mapping; YAML would keep one of them in silence.",
            example="target: the key is already in line 1",
            cure="Remove one, or merge the two.",
        ),
        in_file(
            "file-empty",
            cause="The file holds nothing but blanks and comments.",
            example="is empty",
            cure="Write the pipeline, or remove the file.",
        ),
        in_file(
            "file-encoding",
            cause="The file is not UTF-8.",
            example="is not UTF-8 text; save it as UTF-8",
            cure="Save it as UTF-8 in your editor.",
        ),
        in_file(
            "file-limit",
            cause="The file is far bigger, deeper or more broken than anything a person writes.",
            example="is nested more than 50 levels deep",
            cure="Split it, or mend the first findings and look again.",
        ),
        in_file(
            "file-unreadable",
            cause="The operating system does not let us read the file.",
            example="cannot be read: Permission denied",
            cure="Check its permissions, and whether it is a file at all.",
        ),
        in_file(
            "json-number",
            cause="A number is NaN, infinite, or has hundreds of digits.",
            example="NaN is not a number that JSON can hold",
            cure="Write a real number, or leave the keyword out.",
        ),
        in_file(
            "json-syntax",
            cause="The schema file is not valid JSON; a comma after the last member is a frequent reason.",
            example="expecting value",
            cure="Mend it at the place named.",
        ),
        in_file(
            "yaml-alias",
            cause="An alias (*name) repeats another part of the file. A pipeline must read the same from top to "
            "bottom.",
            example="source: the alias *s is not allowed; write it out",
            cure="Write the part out where it is meant.",
        ),
        in_file(
            "yaml-ambiguous",
            cause="YAML 1.1 and 1.2 read this word differently: NO is a boolean or a text, 010 is 8 or 10.",
            example="schema.properties.country.enum[1]: NO is read as a boolean or as a text, depending on the "
            'reader; quote it: "NO"',
            cure="Quote it when it is a text; otherwise write it in the plain form that the message names.",
        ),
        in_file(
            "yaml-anchor",
            cause="An anchor (&name) marks a part for repetition, which is not allowed.",
            example="schema: the anchor &s is not allowed; remove it",
            cure="Remove it.",
        ),
        in_file(
            "yaml-documents",
            cause="A line with --- begins a second document. One file holds one pipeline.",
            example="a second document; one file holds one",
            cure="Remove the line, or make two files.",
        ),
        in_file(
            "yaml-empty",
            cause="A key stands there without a value, which YAML reads as null. In braces a bare comma ends the value "
            "before it has begun: `{decimal: ,}`.",
            example='source.fields.balance.decimal: has no value; a comma must be quoted: ","',
            cure="Write the value, remove the key, or write `null` where the default is meant.",
        ),
        in_file(
            "yaml-key",
            cause="A key is a number, a boolean, a date or a list, where only a text can be meant.",
            example='schema.properties.2024: a key must be a text; quote it: "2024"',
            cure="Quote the key.",
        ),
        in_file(
            "yaml-merge-key",
            cause="The merge key << takes in another mapping, which is not allowed.",
            example="source.<<: the merge key << is not allowed; write the keys out",
            cure="Write the keys out. What all pipelines share can stand under `defaults` in ri.yaml.",
        ),
        in_file(
            "yaml-number",
            cause="A number is infinite, not a number, or has hundreds of digits.",
            example="schema.properties.balance.minimum: .inf is not a number that JSON or a column can hold; quote "
            'it: ".inf"',
            cure="Leave the limit out, or quote it when it is a text.",
        ),
        in_file(
            "yaml-syntax",
            cause="The text is not YAML: often a tab, an indentation that does not match, or an unquoted colon.",
            example="a tab cannot indent; use spaces",
            cure="Mend it at the place named; the real mistake may be one line above.",
        ),
        in_file(
            "yaml-tag",
            cause="A tag (!!str, !python/…) asks for a type by name, which is not allowed.",
            example="description: the tag !!str is not allowed; remove it",
            cure="Remove the tag; quote the value when it is a text.",
        ),
    ),
)

LANGUAGE = Group(
    "Files: the pipeline language",
    "Keys and values of ri.yaml and of pipelines/NAME.yaml. All findings of a file are told at once; `ri check "
    "--offline` looks for them in all files.",
    (
        in_file(
            "date-format",
            cause="Dates written by the pattern of `date` never have the format that the schema demands, so that every "
            "record with one would fail.",
            example='source.fields.seen_at.date: gives values like 2026-12-31T23:59:00, which format "date-time" of '
            "the schema always refuses; it needs a time zone: add %z, or leave the format out",
            cure="Change the pattern or the format. `type: string` without a format is enough for a timestamp column.",
        ),
        in_file(
            "duplicate-header",
            cause="Two fields want the same header of the source.",
            example='source.fields.login.from[0]: the header "E-mail" already feeds the field "email"; a header feeds '
            "one field",
            cure="Read it into one field; two columns of the target may use that field.",
        ),
        in_file(
            "invalid-value",
            cause="The value has the right type, but cannot be meant.",
            example="chunk_size: expected 1 or more, got 0",
            cure="The message says what is allowed.",
        ),
        in_file(
            "missing-key",
            cause="A key that has no default is missing.",
            example='target: the key "table" is missing',
            cure="Add it.",
        ),
        in_file(
            "missing-variable",
            cause="`database` in ri.yaml names an environment variable that is not set.",
            example="database: the environment variable CRM_PASSWORD is not set; set it or use --database",
            cure="Set it, or name the database with --database or RI_DATABASE_URL.",
        ),
        Code(
            "requires-cycle",
            (Origin.FILE, Origin.RUN),
            "exit 2",
            "Pipelines require each other in a circle, so that each would wait for the next for ever.",
            "requires: each waits for the next, so that none can ever run: customer_data → orders → customer_data",
            "Remove one of them from the other's `requires`.",
        ),
        in_file(
            "requires-unknown",
            cause="`requires` names something that is no pipeline of the project, and no class may have that name: "
            "ri.yaml names no `processors`.",
            example='requires[0]: there is no pipeline "product_catlog"; did you mean "product_catalog"?',
            cure="Correct the name, or name the package of the class under `processors` in ri.yaml.",
        ),
        in_file(
            "unknown-field",
            cause="A name is used as a field, but nothing declares it: nearly always a spelling mistake.",
            example='target.columns.email: the record has no field "emial"; did you mean "email"?',
            cure="Correct the spelling, or declare it under `schema.properties` or `source.fields`.",
        ),
        in_file(
            "unknown-key",
            cause="The key means nothing where it stands: a spelling mistake, or it belongs one level up or down.",
            example='limit: unknown key; did you mean "limits"?',
            cure="Correct it. docs/pipeline-reference.md and your editor (`ri schema`) know all keys.",
        ),
        in_file(
            "unknown-value",
            cause="The word is not in the list of words allowed here.",
            example='source.unknown_fields: "warn" is none of error, ignore',
            cure="Use one of those that the message lists.",
        ),
        in_file(
            "wrong-type",
            cause="A text stands where a number is expected, a list where a mapping is, and so on.",
            example='chunk_size: expected a whole number, got "many"',
            cure="Write what the message expects.",
        ),
    ),
)

SCHEMA_FILES = Group(
    "Files: the schema of a record",
    "The JSON Schema (draft 2020-12) in the pipeline or in schema/. For records that it refuses see schema.… above.",
    (
        in_file(
            "schema-file",
            cause="`schema` names a file that is not in the folder schema/.",
            example='schema: there is no file "customers.json" in schema/',
            cure="Put the file there and write its name only.",
        ),
        in_file(
            "schema-format",
            cause="The format is none that can be checked; it would let everything pass.",
            example='schema.properties.email.format: unknown format "e-mail"; did you mean "email"?',
            cure="Correct the spelling, or use `pattern`.",
        ),
        in_file(
            "schema-invalid",
            cause="The schema breaks the rules of JSON Schema.",
            example='schema.properties.email.type: "text" is none of string, number, integer, boolean, array, object, '
            'null; did you mean "string"?',
            cure="Correct it as the message says.",
        ),
        in_file(
            "schema-keyword",
            cause="A word is very near a keyword of JSON Schema, which would ignore it in silence.",
            example='schema.properties.email.minLenght: unknown keyword; did you mean "minLength"?',
            cure="Correct the spelling. For notes of your own use `$comment`, or names that begin with x-.",
        ),
        in_file(
            "schema-pattern",
            cause="The regular expression cannot be used.",
            example="schema.properties.email.pattern: not a regular expression that can be used: missing ), "
            "unterminated subpattern at position 1",
            cure="Correct it. The syntax is that of JavaScript; in YAML put it in single quotes.",
        ),
        in_file(
            "schema-ref",
            cause="A `$ref` leads out of this schema, or nowhere.",
            example='schema.properties.email.$ref: "#/$defs/mail" leads nowhere: there is no "$defs"',
            cure="Put the part under `$defs` and refer to it with `#/$defs/…`. Nothing is ever fetched.",
        ),
    ),
)

CATALOGUE = Group(
    "Files: the pipeline and the database",
    "The pipeline is sound, but the table is not as it expects. Found by `ri check`, and before a run reads its first "
    "record. Warnings do not keep a run from beginning.",
    (
        in_file(
            "column-type",
            cause="What the schema or the date pattern makes of the field can never be stored in this column. A "
            "warning when only some of the values that `enum` lists do not fit.",
            example='target.columns.born: the schema makes "born" boolean, which this column never takes: expected a '
            "date like 2026-12-31 for date, got true",
            cure="Change the type in the schema or the column's type. `ri explain PIPELINE` shows both side by side.",
        ),
        in_file(
            "create-table",
            cause="`create: true`, and the database does not let the table be made.",
            example="target.create: the database does not let public.products be made: permission denied for schema "
            "public (SQLSTATE 42501)",
            cure="Let the owner GRANT CREATE on the schema, or create the table yourself and leave `create` out.",
        ),
        in_file(
            "generated-column",
            cause="The database fills this column itself (GENERATED ALWAYS); it cannot be written.",
            example="target.columns.full_name: public.customers makes this column itself; leave it out",
            cure="Take the column out of `target.columns`.",
        ),
        in_file(
            "key-index",
            cause="No unique index stands behind `target.key`, so nothing keeps two rows with one key apart.",
            example="target.key: public.customers has no unique index on (email); make one: CREATE UNIQUE INDEX ON "
            "public.customers (email)",
            cure="Run the command that the message gives. The index must not be partial, deferrable or over an "
            "expression.",
        ),
        warning(
            "key-trigger",
            cause="A BEFORE trigger of the table may change the key of a row or drop the row. Every record still keeps "
            "its own fate, but such chunks are written row by row.",
            example='target.key: trigger "tidy" of public.customers writes "email", which is part of the key: chunks '
            "in which it changes one are written row by row",
            cure="Do in `clean` what the trigger does to the key; then it changes nothing and the import is fast.",
        ),
        in_file(
            "lookup-index",
            cause="The columns under `match` are not unique in the other table: one value could have two partners.",
            example="target.columns.country_id.match: public.countries has no unique index on (name); make one: "
            "CREATE UNIQUE INDEX ON public.countries (name)",
            cure="Match by a unique column, or run the command that the message gives.",
        ),
        Code(
            "privilege",
            (Origin.FILE, Origin.RUN),
            "exit 2",
            "The database role may not do what the import needs.",
            "target.table: role importer may not INSERT on public.customers",
            "Let the owner GRANT what the message names, or connect as another role.",
        ),
        warning(
            "row-security",
            cause="Row-level security of the table applies to this role, so it may not see or write every row.",
            example="target.table: row-level security of public.customers applies to role importer: a row that its "
            "policies hide is taken for missing, one that they refuse fails",
            cure="Import as a role with BYPASSRLS or as the table's owner, if all rows are meant.",
        ),
        in_file(
            "statement",
            cause="The database refuses to plan the statement that would import the records.",
            example='target: the database refuses the statement: cannot update view "totals" (SQLSTATE 55000)',
            cure="The message is the server's. Usual reasons: a view that cannot be updated, a function without "
            "EXECUTE.",
        ),
        in_file(
            "target-kind",
            cause="The target is a kind of relation that rows cannot be written into one by one.",
            example="target.table: public.report is a materialized view: rows cannot be written into it one by one",
            cure="Name the table behind it.",
        ),
        in_file(
            "unfilled-column",
            cause="A NOT NULL column without a default is not among `target.columns`: every new row would fail.",
            example='target.columns: nothing fills "name" of public.customers, which is NOT NULL',
            cure="Map it, or give the column a default.",
        ),
        in_file(
            "unknown-column",
            cause="The table has no column of this name, or the key names a column that is not mapped.",
            example='target.columns.emial: public.customers has no column "emial"; did you mean "email"?',
            cure="Correct the spelling (small and capital letters count), or add the column.",
        ),
        in_file(
            "unknown-table",
            cause="There is no such table in this database, or the role may not see its schema.",
            example='target.table: there is no table custmers; did you mean "customers"?',
            cure="Correct the name, create the table, or say `create: true`. Is it the right database? The run names "
            "it.",
        ),
    ),
)
