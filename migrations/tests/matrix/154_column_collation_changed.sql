-- kind: collations
-- what: the collation of a column with an index changes
-- expect: generated
-- before
create table users (id bigint primary key, name text);
create index users_name on users (name);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text collate "C");
create index users_name on users (name);
