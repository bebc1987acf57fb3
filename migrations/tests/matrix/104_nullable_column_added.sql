-- kind: columns
-- what: a column that may be null is added
-- expect: generated
-- holds: add column nickname text
-- before
create table users (id bigint primary key);
insert into users values (1), (2);
-- after
create table users (id bigint primary key, nickname text);
