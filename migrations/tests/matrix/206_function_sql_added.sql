-- kind: functions
-- what: a function in SQL is added
-- expect: generated
-- holds: function
-- before
create table users (id bigint primary key);
insert into users values (1);
-- after
create table users (id bigint primary key);
create function user_count() returns bigint language sql stable as $$ select count(*) from users $$;
