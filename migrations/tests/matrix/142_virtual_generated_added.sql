-- kind: generated
-- what: a virtual generated column is added
-- expect: generated
-- before
create table users (id bigint primary key, name text);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text, letters integer generated always as (length(name)) virtual);
