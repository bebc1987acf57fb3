-- kind: foreign
-- what: a foreign key is looked at when the transaction ends
-- expect: generated
-- holds: deferrable
-- before
create table users (id bigint primary key);
create table notes (id bigint primary key, user_id bigint references users (id));
insert into users values (1);
insert into notes values (1, 1);
-- after
create table users (id bigint primary key);
create table notes (id bigint primary key, user_id bigint references users (id) deferrable initially deferred);
