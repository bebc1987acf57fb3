-- kind: types
-- what: a composite type is added and a column uses it
-- expect: generated
-- holds: create type
-- before
create table users (id bigint primary key);
insert into users values (1);
-- after
create type place as (street text, town text);
create table users (id bigint primary key, home place);
