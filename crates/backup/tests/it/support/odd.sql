create schema "Odd ""Schema""";
create type mood as enum ('fine', 'it''s "bad"', 'größe');
create type pair as (x integer, m mood);
create domain positive as integer check (value > 0);
create table "Odd ""Schema"""."Ta.ble *?" (
    id bigint generated always as identity primary key,
    "Co""l" text not null,
    shouted text generated always as (upper("Co""l")) stored,
    numbers integer[],
    moods mood[],
    one pair,
    size positive,
    of regclass,
    at timestamptz default '2026-11-21 01:02:03.456789+02',
    span interval,
    raw bytea,
    document jsonb,
    wide numeric,
    real8 double precision,
    period int8range
);
insert into "Odd ""Schema"""."Ta.ble *?" ("Co""l", numbers, moods, one, size, of, span, raw, document, wide, real8, period)
select E'quote '' " back\\slash \t tab \n line é 漢 😀 \\. ' || i, array[i, null, -i], array['fine', 'größe']::mood[],
    row(i, 'it''s "bad"'::mood)::pair, i, 'pg_class', interval '1 month -2 days 03:04:05.678', decode(md5(i::text), 'hex'),
    jsonb_build_object('n', i, 'q', '"\'), i / 7.0::numeric(40, 30), i / 3.0::float8, int8range(i, i + 5)
from generate_series(1, 500) i;
insert into "Odd ""Schema"""."Ta.ble *?" ("Co""l", real8) values ('', 'NaN'), ('\N', '-Infinity'), ('NULL', null);
create table plain (id integer primary key, m mood, at date, texts text[], uuid uuid, address inet, amount numeric(12, 2));
insert into plain select i, 'fine', date '0044-03-15 BC' + i, array['a,b', '{', null, '"'], md5(i::text)::uuid, '10.0.0.1/8', i / 9.0
from generate_series(1, 2000) i;
create table events (id bigint not null, at timestamptz not null, note text) partition by range (at);
create table events_old partition of events for values from ('2026-01-01') to ('2026-06-01');
create table events_new partition of events for values from ('2026-06-01') to ('2027-01-01');
create table events_rest partition of events default;
insert into events select i, timestamptz '2025-12-01' + i * interval '1 hour', repeat('x', i % 50) from generate_series(1, 9000) i;
create index on events (at);
alter table events add primary key (id, at);
create table parent (id integer primary key, kind text);
create table child (extra text) inherits (parent);
insert into parent values (1, 'parent');
insert into child values (2, 'child', 'extra');
create table nothing ();
create table refers (
    plain_id integer references plain (id) on delete cascade, even integer, check (even % 2 = 0), unique (plain_id, even)
);
insert into refers select i, i * 2 from generate_series(1, 300) i;
alter table refers add constraint not_yet check (even < 10) not valid;
create sequence counter start 7;
select nextval('counter'), nextval('counter');
create function twice(integer) returns integer language sql immutable as 'select $1 * 2';
create index on plain (twice(id)) where m = 'fine';
create function touch() returns trigger language plpgsql as $$ begin raise exception 'triggers stay quiet while rows are loaded'; end $$;
create trigger touched before insert on plain for each row execute function touch();
create view seen as select id, m from plain where id < 10;
create materialized view counted as select m, count(*) from plain group by m;
create unique index on counted (m);
alter table plain enable row level security;
create policy nobody on plain using (false);
comment on table plain is 'it''s plain';
select lo_from_bytea(0, 'a large object');
do $$ begin execute format('alter database %I set search_path = public, "Odd ""Schema"""', current_database()); end $$;
create table _sqlx_migrations (version bigint primary key, success boolean not null);
insert into _sqlx_migrations values (1, true), (41, true), (42, false);
