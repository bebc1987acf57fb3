-- kind: columns
-- what: a column with nulls in it may not be null any more, and they are filled
-- arguments: --backfill users.name='nobody'
-- expect: generated
-- holds: 'nobody'
-- before
create table users (id bigint primary key, name text);
insert into users values (1, 'ann'), (2, null);
-- after
create table users (id bigint primary key, name text not null);
