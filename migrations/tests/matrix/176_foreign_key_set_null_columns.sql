-- kind: foreign
-- what: only one of two columns is set to null on delete
-- expect: generated
-- holds: on delete set null (user_id)
-- before
create table users (team bigint, id bigint, primary key (team, id));
create table notes (id bigint primary key, team bigint not null, user_id bigint, constraint notes_user foreign key (team, user_id) references users (team, id));
insert into users values (1, 1);
insert into notes values (1, 1, 1);
-- after
create table users (team bigint, id bigint, primary key (team, id));
create table notes (id bigint primary key, team bigint not null, user_id bigint, constraint notes_user foreign key (team, user_id) references users (team, id) on delete set null (user_id));
