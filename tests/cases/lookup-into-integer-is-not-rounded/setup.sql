CREATE TABLE rates (code text PRIMARY KEY, rate numeric);
INSERT INTO rates VALUES ('fits', 2.0), ('not', 1.5);
CREATE TABLE t (k int PRIMARY KEY, rate int);
