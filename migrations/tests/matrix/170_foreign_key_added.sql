-- kind: foreign
-- what: a foreign key is added in two steps
-- expect: generated
-- holds: not valid
-- holds: validate constraint
-- before
create table users (id bigint primary key);
create table notes (id bigint primary key, user_id bigint);
insert into users values (1);
insert into notes values (1, 1);
-- after
create table users (id bigint primary key);
create table notes (id bigint primary key, user_id bigint references users (id));
