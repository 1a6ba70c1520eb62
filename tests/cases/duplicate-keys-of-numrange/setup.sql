CREATE TABLE t (k numrange PRIMARY KEY, v int);
