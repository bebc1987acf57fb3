-- kind: checks
-- what: a check goes
-- expect: generated
-- holds: drop constraint
-- before
create table users (id bigint primary key, age integer constraint grown check (age > 0));
insert into users values (1, 42);
-- after
create table users (id bigint primary key, age integer);
