-- kind: columns
-- what: a column may not be null any more
-- expect: generated
-- holds: not valid
-- holds: validate constraint
-- holds: set not null
-- before
create table users (id bigint primary key, name text);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text not null);
