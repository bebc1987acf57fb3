-- kind: security
-- what: what a policy asks changes
-- expect: generated
-- holds: policy
-- before
create table users (id bigint primary key, name text);
alter table users enable row level security;
create policy own on users for select using (name = current_user);
insert into users values (1, 'ann');
-- after
create table users (id bigint primary key, name text);
alter table users enable row level security;
create policy own on users for select using (name = session_user);
