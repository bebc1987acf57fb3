-- kind: foreign
-- what: a foreign key is added that the rows that exist need not hold
-- expect: generated
-- holds: not valid
-- before
create table users (id bigint primary key);
create table notes (id bigint primary key, user_id bigint);
insert into notes values (1, 99);
-- after
create table users (id bigint primary key);
create table notes (id bigint primary key, user_id bigint);
alter table notes add constraint notes_user foreign key (user_id) references users (id) not valid;
