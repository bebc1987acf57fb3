-- kind: checks
-- what: a check of the same name says something else
-- expect: generated
-- before
create table users (id bigint primary key, age integer constraint grown check (age > 0));
insert into users values (1, 42);
-- after
create table users (id bigint primary key, age integer constraint grown check (age > 17));
