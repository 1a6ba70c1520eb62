"""Codes of records that the pipeline's JSON Schema refuses: `schema.` and the keyword that says no."""

from __future__ import annotations

from ri_declarative.codes.entry import Code, Group, on_record


def _keyword(keyword: str, cause: str, *, example: str, cure: str) -> Code:
    return on_record(f"schema.{keyword}", cause=cause, example=example, cure=cure)


SCHEMA = Group(
    "Records that the schema refuses: schema.…",
    "The code names the JSON Schema keyword that said no, the field is the property that is meant. Either the record "
    "is wrong (repair it) or the schema is too strict (change it, then reprocess the batch). Keywords that only hold "
    "others together, like `allOf`, `if` or `$ref`, show up as the keyword inside.",
    (
        _keyword(
            "additionalProperties",
            "The record has a field that the schema does not know, and the schema allows no others.",
            example="is not a property that the schema knows",
            cure="Correct its spelling, add it to `properties`, or take it out of `source.fields`.",
        ),
        _keyword(
            "anyOf",
            "The value fits none of the alternatives; the first reason of each is told.",
            example="fits none of 2 alternatives: phone is required; or email is required",
            cure="Repair the value so that one alternative fits.",
        ),
        _keyword(
            "const",
            "Only one value is allowed here, and this is another.",
            example='must be "EUR", got "USD"',
            cure="Correct the value, or use `enum` when there is more than one.",
        ),
        _keyword(
            "contains",
            "The list has too few or too many elements of the kind that it must hold.",
            example='None of ["a"] are valid under the given schema',
            cure="Repair the list, or change `contains`, `minContains` and `maxContains`.",
        ),
        _keyword(
            "dependentRequired",
            "A field is missing that must be there because another one is.",
            example="is required beside the other fields of this record",
            cure="Fill it in, or leave out the field that asks for it.",
        ),
        _keyword(
            "enum",
            "The value is none of those that the schema lists. Small and capital letters count.",
            example='must be one of DE, FR, got "DEU"; did you mean "DE"?',
            cure="Correct the value, add it to the list, or add `clean: [trim, upper]` when only the spelling differs.",
        ),
        _keyword(
            "exclusiveMaximum",
            "The number must stay below the limit and does not.",
            example="must be less than 10, got 10",
            cure="Correct the value, or use `maximum` when the limit itself is allowed.",
        ),
        _keyword(
            "exclusiveMinimum",
            "The number must be above the limit and is not.",
            example="must be more than 0, got 0",
            cure="Correct the value, or use `minimum` when the limit itself is allowed.",
        ),
        _keyword(
            "falseSchema",
            "The schema forbids this value, whatever it is: `false` stands in its place.",
            example='must be absent, got "secret"',
            cure="Remove the value from the record, or the `false` from the schema.",
        ),
        _keyword(
            "format",
            "The text is not in the format that is declared.",
            example='expected an e-mail address, got "ann@"',
            cure="Correct the value. Formats judge the cleaned text: add `clean: [trim]` for blanks around it.",
        ),
        _keyword(
            "maximum",
            "The number is above the limit.",
            example="must be at most 10, got 11",
            cure="Correct the value, or raise `maximum`.",
        ),
        _keyword(
            "maxItems",
            "The list has too many elements.",
            example="must have at most 1 element, got 2",
            cure="Shorten the list, or raise `maxItems`.",
        ),
        _keyword(
            "maxLength",
            "The text has too many characters.",
            example='must have at most 3 characters, got 4: "abcd"',
            cure="Shorten the text, or raise `maxLength` when the column holds more.",
        ),
        _keyword(
            "maxProperties",
            "The object has too many members.",
            example="must have at most 1 property, got 2",
            cure="Remove members, or raise `maxProperties`.",
        ),
        _keyword(
            "minimum",
            "The number is below the limit.",
            example="must be at least 0, got -1",
            cure="Correct the value, or lower `minimum`.",
        ),
        _keyword(
            "minItems",
            "The list has too few elements.",
            example="must have at least 2 elements, got 1",
            cure="Add elements, or lower `minItems`.",
        ),
        _keyword(
            "minLength",
            "The text is too short.",
            example='must have at least 2 characters, got 1: "a"',
            cure="Correct the value. Empty cells are no value at all, unless `null_values` says otherwise.",
        ),
        _keyword(
            "minProperties",
            "The object has too few members.",
            example="must have at least 2 properties, got 1",
            cure="Add members, or lower `minProperties`.",
        ),
        _keyword(
            "multipleOf",
            "The number is no multiple of the step; `multipleOf: 0.01` means at most two decimal places.",
            example="must be a multiple of 0.01, got 0.005",
            cure="Round the value in the export, or make the step smaller.",
        ),
        _keyword(
            "not",
            "The value is exactly what the schema excludes.",
            example='must not be what the schema excludes by not, got "test"',
            cure="Correct the value, or narrow what stands under `not`.",
        ),
        _keyword(
            "oneOf",
            "The value fits none of the alternatives, or more than one of them.",
            example="fits 2 of 2 alternatives, exactly one is allowed",
            cure="Repair the value, or use `anyOf` when the alternatives may overlap.",
        ),
        _keyword(
            "pattern",
            "The text does not match the regular expression.",
            example='must match ^[A-Z]{2}$, got "de"',
            cure="Correct the value. A pattern matches anywhere in the text unless it has ^ and $.",
        ),
        _keyword(
            "propertyNames",
            "The name of a member is not allowed.",
            example='"A" does not match "^[a-z]+$"',
            cure="Rename the member, or change `propertyNames`.",
        ),
        _keyword(
            "required",
            "The record has no value for a field that must have one. An empty cell counts as no value.",
            example="is required",
            cure="Fill it in, or take the field from `required`. When every record fails: is `from` the right header?",
        ),
        _keyword(
            "type",
            "The value has another type than the schema declares.",
            example='expected a whole number, got "abc"',
            cure="Correct the value or the schema. In JSON files a number in quotes is a text.",
        ),
        _keyword(
            "unevaluatedItems",
            "The list has elements that no part of the schema speaks of.",
            example="Unevaluated items are not allowed ('1' was unexpected)",
            cure="Remove them, or describe them with `items` or `prefixItems`.",
        ),
        _keyword(
            "unevaluatedProperties",
            "The record has a field that no part of the schema speaks of.",
            example="is not a property that the schema knows",
            cure="Correct its spelling, add it to `properties`, or take it out of `source.fields`.",
        ),
        _keyword(
            "uniqueItems",
            "The list holds the same element twice.",
            example="must not have an element twice, got [1,1]",
            cure="Remove the second one, or drop `uniqueItems`.",
        ),
    ),
)
