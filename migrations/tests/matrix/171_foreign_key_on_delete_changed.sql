-- kind: foreign
-- what: a foreign key does something else on delete
-- expect: generated
-- holds: on delete cascade
-- before
create table users (id bigint primary key);
create table notes (id bigint primary key, user_id bigint references users (id));
insert into users values (1);
insert into notes values (1, 1);
-- after
create table users (id bigint primary key);
create table notes (id bigint primary key, user_id bigint references users (id) on delete cascade);
