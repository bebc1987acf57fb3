-- kind: generated
-- what: the expression of a virtual generated column changes
-- expect: generated
-- before
create table users (id bigint primary key, a integer, b integer generated always as (a * 2) virtual);
insert into users values (1, 4);
-- after
create table users (id bigint primary key, a integer, b integer generated always as (a * 3) virtual);
