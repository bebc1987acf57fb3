-- kind: functions
-- what: a procedure is added
-- expect: generated
-- holds: procedure
-- before
create table users (id bigint primary key);
insert into users values (1);
-- after
create table users (id bigint primary key);
create procedure forget() language sql as $$ delete from users $$;
