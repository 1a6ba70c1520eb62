-- The floor: what a person would write by hand for one import, with a copy of each record and nothing else.
-- psql -f floor.sql < customers.csv
\set ON_ERROR_STOP on
BEGIN;

CREATE TEMPORARY TABLE staging (
    n bigint GENERATED ALWAYS AS IDENTITY,
    email text, first_name text, last_name text, phone text, country text, city text,
    signup_date text, balance text, points text, active text
) ON COMMIT DROP;

\copy staging (email, first_name, last_name, phone, country, city, signup_date, balance, points, active) FROM pstdin WITH (FORMAT csv, HEADER)

INSERT INTO customers (email, first_name, last_name, phone, country, city, signup_date, balance, points, active)
SELECT email, first_name, last_name, phone, country, city,
       signup_date::date, balance::numeric, points::integer, active::boolean
FROM staging
ON CONFLICT (email) DO UPDATE SET
    first_name = excluded.first_name, last_name = excluded.last_name, phone = excluded.phone,
    country = excluded.country, city = excluded.city, signup_date = excluded.signup_date,
    balance = excluded.balance, points = excluded.points, active = excluded.active;

INSERT INTO floor_items (batch_id, item_index, source_data)
SELECT batch.id, n - 1, to_jsonb(record)
FROM staging
CROSS JOIN (SELECT gen_random_uuid() AS id) AS batch
CROSS JOIN LATERAL (
    SELECT email, first_name, last_name, phone, country, city, signup_date, balance, points, active
) AS record;

COMMIT;
