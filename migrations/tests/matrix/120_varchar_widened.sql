-- kind: types
-- what: the limit of a text grows
-- expect: generated
-- before
create table users (id bigint primary key, name varchar(20));
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name varchar(200));
