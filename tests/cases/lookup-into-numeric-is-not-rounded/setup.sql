CREATE TABLE rates (code text PRIMARY KEY, rate numeric);
INSERT INTO rates VALUES ('fits', 1.50), ('not', 1.567);
CREATE TABLE t (k int PRIMARY KEY, rate numeric(6,2));
