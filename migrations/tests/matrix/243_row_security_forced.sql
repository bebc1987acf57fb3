-- kind: security
-- what: row security holds for the owner also
-- expect: generated
-- holds: force row level security
-- before
create table users (id bigint primary key, name text);
alter table users enable row level security;
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
alter table users enable row level security;
alter table users force row level security;
