-- kind: tables
-- what: a filled table is dropped, and nobody allowed it
-- expect: refused --allow-loss 'notes'
-- before
create table users (id bigint primary key);
create table notes (id bigint primary key, body text);
insert into notes values (1, 'kept');
-- after
create table users (id bigint primary key);
