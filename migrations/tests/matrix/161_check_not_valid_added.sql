-- kind: checks
-- what: a check is added that the rows that exist need not hold
-- expect: generated
-- holds: not valid
-- before
create table users (id bigint primary key, age integer);
insert into users values (1, -1);
-- after
create table users (id bigint primary key, age integer);
alter table users add constraint grown check (age > 0) not valid;
