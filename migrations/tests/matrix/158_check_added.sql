-- kind: checks
-- what: a check is added in two steps
-- expect: generated
-- holds: not valid
-- holds: validate constraint
-- before
create table users (id bigint primary key, age integer);
insert into users values (1, 42);
-- after
create table users (id bigint primary key, age integer constraint grown check (age > 0));
