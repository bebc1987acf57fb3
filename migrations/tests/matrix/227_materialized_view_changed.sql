-- kind: views
-- what: a materialized view changes and keeps its index
-- expect: generated
-- holds: create materialized view
-- before
create table users (id bigint primary key, team integer);
create materialized view teams as select team, count(*) as members from users group by team;
create unique index teams_team on teams (team);
insert into users values (1, 1);
-- after
create table users (id bigint primary key, team integer);
create materialized view teams as select team, count(*) as members, max(id) as newest from users group by team;
create unique index teams_team on teams (team);
