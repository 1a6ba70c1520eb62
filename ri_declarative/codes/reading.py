"""Codes of records that could not be read: `source.` (the record's text) and `field.` (one value)."""

from __future__ import annotations

from ri_declarative.codes.entry import Group, on_record

SOURCE = Group(
    "Records that cannot be read: source.…",
    "The text of the record is broken. The item keeps it exactly as it stands in the file; "
    "the records before and after it are imported. Reprocessing takes the record as it was read, so after a change of "
    "the pipeline run the file again.",
    (
        on_record(
            "source.ambiguous_field",
            cause="Two keys of the record feed the same field, so it is unclear which one counts.",
            example='keys "E-mail" and "email" mean the same field "email": keep one, or name one in '
            "source.fields.email.from",
            cure="Remove one of the keys from the record, or list only one of them under `from`.",
        ),
        on_record(
            "source.duplicate_key",
            cause="A JSON object has the same key twice. One reader would keep the first value, the next one the last.",
            example='the key "email" stands twice in one object',
            cure="Find out which value is right and repair the record, or the export that writes it.",
        ),
        on_record(
            "source.encoding",
            cause="A byte does not belong to the encoding of the file, which is utf-8 unless the pipeline says "
            "otherwise.",
            example="byte 0xF6 at line 2, column 18 is not utf-8; declare source.encoding and run the file again",
            cure="Declare the real one, often `encoding: cp1252`, and run the file again; `ri reprocess` alone takes "
            "the record as it was read. If only some lines are broken, repair these.",
        ),
        on_record(
            "source.json",
            cause="The line, or the element of the array, is not one complete JSON value: NaN, Infinity, half of a "
            "surrogate pair, a lost quote or bracket, a nesting of many hundred levels.",
            example="not JSON at line 1, column 28: the line ends in the middle of a value",
            cure="Write JSON by a library, not by putting texts together. A line that was cut off usually means a "
            "broken export: ask for the file again.",
        ),
        on_record(
            "source.not_an_object",
            cause="The line, or the element of the array, is valid JSON, but no object with named fields.",
            example="expected an object, found an array",
            cure="Write objects: one per line for jsonl, or in one array for json.",
        ),
        on_record(
            "source.quote",
            cause="A quote stands where the CSV rules allow none: inside an unquoted cell, or before text that goes on "
            "after a closing quote.",
            example="a quote inside an unquoted cell at line 2, column 21; quote the whole cell and write the quote "
            "twice",
            cure='Quote the cell and double the quotes in it: `"Ann ""Annie"" Lee"`. Then run the mended file, or fill '
            "in the record's cells in the file of `ri errors BATCH --csv`.",
        ),
        on_record(
            "source.ragged",
            cause="The line has more or fewer cells than the header. Most often a cell holds the delimiter and is not "
            "quoted.",
            example="expected 3 cells, found 4",
            cure="Quote the cell that holds the delimiter, or add the cells that are missing. Then run the mended "
            "file, or fill in the record's cells in the file of `ri errors BATCH --csv`.",
        ),
        on_record(
            "source.too_long",
            cause="A cell, a line or a record is longer than any real one: usually a quote was never closed.",
            example="the cell at line 2, column 9 has more than 131072 characters",
            cure="Look for the lost quote at the place named. Only the beginning of a very long line is kept.",
        ),
        on_record(
            "source.unclosed_quote",
            cause="A quoted cell begins and never ends.",
            example="the quote opened at line 2, column 17 is not closed",
            cure="Close the quote, or remove it. The lines after it were imported as records of their own where they "
            "are whole.",
        ),
        on_record(
            "source.unknown_field",
            cause="The record has a key that no field of the pipeline uses.",
            example='unknown field "emial": add it to source.fields or set source.unknown_fields: ignore; did you mean '
            '"email"?',
            cure="Correct the spelling, add the field to the pipeline, or set `unknown_fields: ignore` to keep it in "
            "the item only.",
        ),
        on_record(
            "source.unreadable",
            cause="The record was broken when the file was read, and it has not been repaired since.",
            example="the record could not be read from its source; correct it and reprocess it with --from",
            cure="Fill in its cells in the file that `ri errors BATCH --csv fix.csv` writes; the column `_ri_error` "
            "shows the line as it was.",
        ),
    ),
)

FIELD = Group(
    "Values that do not fit: field.…",
    "One value cannot be read as the pipeline declares it, or does not fit the column. Nothing is guessed, cut or "
    "rounded.",
    (
        on_record(
            "field.array",
            cause="The column is an array and the value is no list, or its inner lists differ in length.",
            example="expected a list for integer[], got 5",
            cure="Send a JSON list; PostgreSQL wants all inner lists equally long.",
        ),
        on_record(
            "field.boolean",
            cause="The text is none of the words for true and false.",
            example='expected true, false, yes, no, t, f, y, n, 1 or 0, got "maybe"',
            cure="Correct the value, or add the word that means nothing to `source.null_values`.",
        ),
        on_record(
            "field.bytea",
            cause="Binary data must be written in hexadecimal, beginning with \\x.",
            example='expected hexadecimal like \\x00ff for bytea, got "00ff"',
            cure="Write it as \\x and two digits per byte.",
        ),
        on_record(
            "field.date",
            cause="The text is no date as declared, or a day that does not exist. A time of day is refused, too, where "
            "a date column would drop it.",
            example='expected a date like 31/12/2026, got "2026-31-12"',
            cure='Say how the file writes dates: `date: "%d/%m/%Y"` at the field. Then reprocess the batch.',
        ),
        on_record(
            "field.encoding",
            cause="The text holds half of a character (a lone surrogate), which no database can store as text.",
            example='half of a surrogate pair cannot be stored, got "a\\ud800"',
            cure="Repair the text; it was most likely cut in the middle of an emoji.",
        ),
        on_record(
            "field.enum",
            cause="The column is an enum type and the value is none of its labels.",
            example='mood has no label "hapy"; did you mean "happy"?',
            cure="Correct the value, or add the label: `ALTER TYPE … ADD VALUE`.",
        ),
        on_record(
            "field.integer",
            cause="The text is no whole number: it has a fraction, blanks, separators or letters.",
            example='expected a whole number like 1234, got "12.5"',
            cure="Correct the value, add `clean: [trim]`, or declare `type: number` when fractions are right.",
        ),
        on_record(
            "field.interval",
            cause="The text is no duration in ISO 8601 or as hours:minutes:seconds.",
            example='expected a duration like P1DT2H or 26:00:00 for interval, got "2 days"',
            cure="Write it as P2D or 48:00:00.",
        ),
        on_record(
            "field.json",
            cause="The cell is not JSON, or the value holds something that JSON cannot say, such as NaN.",
            example="expected JSON, got \"{'a': 1}\": Expecting property name enclosed in double quotes: line 1 c…",
            cure="Write valid JSON. Single quotes are a sign of Python's repr() in the export.",
        ),
        on_record(
            "field.length",
            cause="The text has more characters than the column holds.",
            example='character varying(3) takes at most 3 characters, got 11: "Deutschland"',
            cure="Correct the value or widen the column. With `maxLength` in the schema the limit can be read in the "
            "pipeline.",
        ),
        on_record(
            "field.literal",
            cause="The text of a range is not canonical, for instance it uses a word like infinity.",
            example='expected plain values for int4range, got "infinity"',
            cure="Write the range with its bounds; leave a bound empty where there is none.",
        ),
        on_record(
            "field.nul",
            cause="The text holds the character NUL, which PostgreSQL cannot store.",
            example='PostgreSQL cannot store the character NUL, got "a\\x00"',
            cure="Remove it from the value. Many of them mean that the file is UTF-16: declare `encoding: utf-16`.",
        ),
        on_record(
            "field.number",
            cause="The text is no number: it has a decimal comma, thousands separators, a currency or letters.",
            example='expected a number like 1234.56, got "1.234,50"; thousands separators are not supported yet: clean '
            "the export",
            cure='Declare `decimal: ","` for a decimal comma. Thousands separators and currencies must go from the '
            "file.",
        ),
        on_record(
            "field.path",
            cause="The field is a path into nested values (`from: address.city`), and what should be an object on the "
            "way is something else.",
            example='expected an object at "address", got "Main St 1"',
            cure="Repair the record. Where the key holds a plain value by right, read it as a field of its own.",
        ),
        on_record(
            "field.range",
            cause="The number is too big or too small for the column.",
            example="smallint goes from -32768 to 32767, got 70000",
            cure="Correct the value, or change the column's type.",
        ),
        on_record(
            "field.scale",
            cause="The number has more decimal places than the column; PostgreSQL would round it in silence.",
            example="numeric(6,2) takes at most 2 digits after the decimal point, got 1.505",
            cure="Round it in the export, or give the column more places.",
        ),
        on_record(
            "field.time",
            cause="The text is no time of day, or has a time zone that the column would drop.",
            example='expected a time like 23:59:00, got "25:00"',
            cure="Correct the value, or say how the file writes times with `date:` at the field.",
        ),
        on_record(
            "field.timestamp",
            cause="The text is no date and time as declared, or has a time zone that the column would drop.",
            example='expected a date and time like 2026-12-31T23:59:00, got "yesterday"',
            cure='Say how the file writes them: `date: "%d.%m.%Y %H:%M"`. For zones use a timestamptz column.',
        ),
        on_record(
            "field.type",
            cause="A value is of a Python type that JSON does not have, so the schema cannot judge it.",
            example="a value cannot be validated: Unsupported type: 'set'",
            cure="Return plain values from the hook: text, numbers, booleans, dates, lists, dicts.",
        ),
        on_record(
            "field.uuid",
            cause="The text is no UUID.",
            example='expected a UUID like 123e4567-e89b-12d3-a456-426614174000, got "123"',
            cure="Correct the value, or map the field to a text column.",
        ),
    ),
)
