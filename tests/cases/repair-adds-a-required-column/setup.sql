CREATE TABLE t (k int PRIMARY KEY, v int CHECK (v > 0), country text);
