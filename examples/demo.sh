#!/usr/bin/env bash
# From a fresh export with 28 bad customers to three complete tables. `make demo` runs it.
#
# Works in the embedded database of this project only, whatever the shell points at, and may be run again: it drops
# the tables public.customers, public.products and public.transactions there first.
set -euo pipefail
cd "$(dirname "$0")/.."
for name in $(compgen -e | grep -E '^(PG|DATABASE_URL$|RI_DATABASE_URL$)' || true); do
    unset "$name"
done

bin=.venv/bin
[ -n "${RI_DEMO_BIN:-}" ] && bin=$RI_DEMO_BIN # a virtual environment elsewhere
failed=.ri/demo/failed.csv
repaired=.ri/demo/repaired.csv

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || say() { printf '\n%s\n' "$*"; }

# expect CODE COMMAND…: shows and runs the command; the demo ends here when it exits otherwise.
expect() {
    local expected=$1 code=0
    shift
    printf '$ %s\n' "$*"
    case "$1 $2" in
    "ri db") "$bin/ri" "${@:2}" || code=$? ;; # is about the embedded database anyway
    "ri "*) "$bin/ri" "${@:2}" --database embedded || code=$? ;;
    "python "*) "$bin/python" "${@:2}" || code=$? ;;
    esac
    if [ "$code" != "$expected" ]; then
        printf 'demo: expected exit code %s, got %s from: %s\n' "$expected" "$code" "$*" >&2
        exit 1
    fi
}

# A server that runs already is left running, for whoever started it.
"$bin/ri" db url >/dev/null 2>&1 || trap '"$bin/ri" db stop >/dev/null' EXIT

say "A PostgreSQL of this project's own. (The ri commands below also say --database embedded.)"
expect 0 ri db start

say "The tables of the example, empty."
mkdir -p .ri/demo
rm -f "$failed" "$repaired"
expect 0 python examples/apply_sql.py examples/reset.sql examples/setup.sql

say "500 customers, 28 of them bad in 8 ways. The other 472 come in; exit code 1 says that some failed."
expect 1 ri run customer_data examples/data/customers.csv

say "What failed, as a file to correct: the columns of the export, the item and the reason."
expect 0 ri errors last --csv "$failed"

say "A colleague corrects the cells. Here a script does."
expect 0 python examples/repair.py "$failed" "$repaired"

say "Only the repaired records run again, without the original file."
expect 0 ri reprocess last --from "$repaired"

say "Products: JSON lines into a table that ri creates from the schema."
expect 0 ri run product_catalog examples/data/products.jsonl

say "2,000 transactions, each joined to its customer; 6 were sent twice and are skipped."
expect 0 ri run transaction_feed examples/data/transactions.csv

say "The transactions once more: all are there already, nothing is written."
expect 0 ri run transaction_feed examples/data/transactions.csv

say "What happened, and what still needs attention."
expect 0 ri status

say "And the tables."
expect 0 python examples/apply_sql.py examples/totals.sql

say "To look around: .venv/bin/ri status, or .venv/bin/ri db psql"
