-- kind: functions
-- what: a function with a parsed body reads a column of the same change
-- expect: generated
-- holds: begin atomic
-- before
create table users (id bigint primary key);
insert into users values (1);
-- after
create table users (id bigint primary key, level integer);
create function top() returns integer language sql stable begin atomic select max(level) from users; end;
