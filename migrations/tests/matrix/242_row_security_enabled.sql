-- kind: security
-- what: row security is switched on with a policy
-- expect: generated
-- holds: enable row level security
-- holds: create policy
-- before
create table users (id bigint primary key, name text);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
alter table users enable row level security;
create policy own on users for select using (name = current_user);
