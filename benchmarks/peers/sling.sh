#!/bin/sh
# Sling: the file merged by e-mail into the same table that ri writes to.  sling.sh SLING URL FILE
export TARGET="$2&sslmode=disable"
exec "$1" run --src-stream "file://$3" --tgt-conn TARGET --tgt-object public.customers \
    --mode incremental --primary-key email
