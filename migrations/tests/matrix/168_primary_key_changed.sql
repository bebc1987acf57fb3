-- kind: primary
-- what: a primary key gets a second column
-- expect: generated
-- before
create table users (team integer not null, id bigint primary key);
insert into users values (1, 1), (1, 2);
-- after
create table users (team integer not null, id bigint not null, constraint users_pkey primary key (team, id));
