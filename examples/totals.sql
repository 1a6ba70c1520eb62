-- What the demo has brought into the tables.

SELECT 'customers' AS "table", count(*) AS rows FROM public.customers
UNION ALL
SELECT 'products', count(*) FROM public.products
UNION ALL
SELECT 'transactions', count(*) FROM public.transactions
ORDER BY 1;
