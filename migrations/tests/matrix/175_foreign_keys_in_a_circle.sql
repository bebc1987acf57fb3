-- kind: foreign
-- what: two new tables point at each other
-- expect: generated
-- before
create table users (id bigint primary key);
insert into users values (1);
-- after
create table users (id bigint primary key);
create table teams (id bigint primary key, captain bigint);
create table players (id bigint primary key, team bigint references teams (id));
alter table teams add constraint teams_captain foreign key (captain) references players (id);
