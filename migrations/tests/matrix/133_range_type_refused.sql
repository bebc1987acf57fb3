-- kind: types
-- what: a range type is no known kind
-- expect: refused range type
-- before
create table users (id bigint primary key);
-- after
create table users (id bigint primary key);
create type floats as range (subtype = double precision);
