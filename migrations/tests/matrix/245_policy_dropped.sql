-- kind: security
-- what: a policy goes
-- expect: generated
-- holds: drop policy
-- before
create table users (id bigint primary key, name text);
alter table users enable row level security;
create policy own on users for select using (name = current_user);
-- after
create table users (id bigint primary key, name text);
alter table users enable row level security;
