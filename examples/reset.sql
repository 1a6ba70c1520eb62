-- Takes away what the demo made, so that it starts from nothing. Only apply_sql.py runs this, and it refuses any
-- database but the embedded one.

DROP TABLE IF EXISTS public.transactions, public.customers, public.products;
