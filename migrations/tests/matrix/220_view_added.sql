-- kind: views
-- what: a view is added
-- expect: generated
-- holds: view
-- before
create table users (id bigint primary key, gone boolean not null default false);
insert into users values (1);
-- after
create table users (id bigint primary key, gone boolean not null default false);
create view living as select id from users where not gone;
