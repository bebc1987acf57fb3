-- kind: types
-- what: a composite type that a column holds gets an attribute
-- expect: generated
-- holds: add attribute
-- before
create type place as (street text, town text);
create table users (id bigint primary key, home place);
insert into users values (1, row('Elm', 'Bath'));
-- after
create type place as (street text, town text, code text);
create table users (id bigint primary key, home place);
