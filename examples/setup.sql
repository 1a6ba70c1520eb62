-- The tables that the example pipelines write to; may be run again at any time.
-- public.products is missing on purpose: pipelines/product_catalog.yaml says `create: true`.

CREATE TABLE IF NOT EXISTS public.countries (
    id   integer PRIMARY KEY,
    code text NOT NULL UNIQUE,
    name text NOT NULL
);

INSERT INTO public.countries (id, code, name) VALUES
    (76, 'BR', 'Brasil'),
    (203, 'CZ', 'Česko'),
    (276, 'DE', 'Deutschland'),
    (724, 'ES', 'España'),
    (250, 'FR', 'France'),
    (300, 'GR', 'Ελλάδα'),
    (356, 'IN', 'भारत'),
    (392, 'JP', '日本'),
    (410, 'KR', '대한민국'),
    (616, 'PL', 'Polska'),
    (752, 'SE', 'Sverige'),
    (792, 'TR', 'Türkiye'),
    (840, 'US', 'United States'),
    (704, 'VN', 'Việt Nam')
ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS public.customers (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email        text NOT NULL UNIQUE,
    first_name   text NOT NULL,
    last_name    text NOT NULL,
    address      text,
    signed_up_on date,
    balance      numeric(12, 2),
    country_id   integer NOT NULL REFERENCES public.countries (id),
    source       text,
    imported_in  uuid,
    created_by   text,
    -- Nobody was a customer before there was a company.
    CONSTRAINT customers_signed_up_since_founding CHECK (signed_up_on >= DATE '1998-05-01')
);

CREATE TABLE IF NOT EXISTS public.transactions (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transaction_no text NOT NULL UNIQUE,
    customer_id    bigint NOT NULL REFERENCES public.customers (id),
    booked_at      timestamptz NOT NULL,
    amount         numeric(12, 2) NOT NULL CHECK (amount <> 0),
    currency       text NOT NULL,
    reference      text,
    imported_in    uuid,
    source_line    integer
);
