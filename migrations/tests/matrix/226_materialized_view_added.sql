-- kind: views
-- what: a materialized view with an index is added
-- expect: generated
-- holds: create materialized view
-- before
create table users (id bigint primary key, team integer);
insert into users values (1, 1);
-- after
create table users (id bigint primary key, team integer);
create materialized view teams as select team, count(*) as members from users group by team;
create unique index teams_team on teams (team);
