-- kind: columns
-- what: a column may be null
-- expect: generated
-- holds: drop not null
-- before
create table users (id bigint primary key, name text not null);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
