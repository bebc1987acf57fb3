-- kind: types
-- what: limited text becomes unlimited
-- expect: generated
-- before
create table users (id bigint primary key, name varchar(20) default 'x');
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text default 'x');
