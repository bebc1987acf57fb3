-- kind: types
-- what: the limit of a text shrinks: rows that fit stay, and nothing is cut silently
-- expect: generated
-- before
create table users (id bigint primary key, name varchar(20));
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name varchar(5));
