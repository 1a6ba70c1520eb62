CREATE TABLE t (k text PRIMARY KEY, v int CHECK (v > 0));
