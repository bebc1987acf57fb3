-- kind: columns
-- what: a column that must not be null is added, and rows that exist are filled
-- arguments: --backfill users.shout=upper(name)
-- expect: generated
-- holds: upper(name)
-- before
create table users (id bigint primary key, name text not null);
insert into users values (1, 'ann'), (2, 'bob');
-- after
create table users (id bigint primary key, name text not null, shout text not null);
