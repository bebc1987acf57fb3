-- case: a check is added
-- alembic: missed
-- holds: not valid
-- holds: validate constraint
-- before
create table t (a integer);
insert into t values (1);
-- after
create table t (a integer constraint positive check (a > 0));

-- case: a check changes
-- alembic: missed
-- before
create table t (a integer constraint positive check (a > 0));
insert into t values (5);
-- after
create table t (a integer constraint positive check (a > 1));

-- case: a check is dropped
-- alembic: missed
-- before
create table t (a integer check (a > 0));
-- after
create table t (a integer);

-- case: a check is renamed
-- alembic: missed
-- holds: rename constraint
-- before
create table t (a integer constraint old check (a > 0));
-- after
create table t (a integer constraint new check (a > 0));

-- case: a check that is not valid becomes valid
-- alembic: missed
-- before
create table t (a integer);
alter table t add constraint positive check (a > 0) not valid;
-- after
create table t (a integer constraint positive check (a > 0));

-- case: a check that calls a function is added
-- alembic: missed
-- before
create table t (a integer);
-- after
create function good(n integer) returns boolean language sql immutable as 'select n > 0';
create table t (a integer check (good(a)));

-- case: a unique constraint is added
-- alembic: right
-- holds: create unique index concurrently
-- holds: using index
-- before
create table t (a integer, b integer);
insert into t values (1, 2);
-- after
create table t (a integer, b integer, unique (a, b));

-- case: a unique constraint with nulls, more columns and a deferred check is added
-- alembic: wrong
-- before
create table t (a integer, b integer, c integer);
-- after
create table t (a integer, b integer, c integer,
    constraint one unique nulls not distinct (a) include (b),
    constraint two unique (c) deferrable initially deferred);

-- case: the columns of a unique constraint change
-- alembic: right
-- before
create table t (a integer, b integer, constraint key unique (a));
-- after
create table t (a integer, b integer, constraint key unique (b, a));

-- case: a primary key is added
-- alembic: wrong
-- before
create table t (a integer);
insert into t values (1);
-- after
create table t (a integer primary key);

-- case: a primary key that others reference gets another column
-- alembic: wrong
-- arguments: --allow-loss u.t
-- before
create table t (a integer primary key, b integer not null default 0);
create table u (t integer references t);
-- after
create table t (a integer, b integer not null default 0, primary key (a, b));
create table u (x integer);

-- case: a primary key is dropped
-- alembic: missed
-- before
create table t (a integer primary key, b integer);
-- after
create table t (a integer not null, b integer);

-- case: a foreign key is added
-- alembic: right
-- holds: not valid
-- holds: validate constraint
-- before
create table t (id integer primary key);
create table u (t integer);
insert into t values (1);
insert into u values (1);
-- after
create table t (id integer primary key);
create table u (t integer references t on delete cascade);

-- case: a foreign key is added together with the key it references
-- alembic: right
-- before
create table t (id integer, code text);
create table u (code text);
-- after
create table t (id integer, code text unique);
create table u (code text references t (code));

-- case: a foreign key gets another action on delete
-- alembic: right
-- before
create table t (id integer primary key);
create table u (t integer references t);
-- after
create table t (id integer primary key);
create table u (t integer references t on delete set null deferrable);

-- case: new tables reference each other
-- alembic: wrong
-- before
create table x (a integer);
-- after
create table x (a integer);
create table t (id integer primary key, u integer, parent integer references t);
create table u (id integer primary key, t integer references t);
alter table t add foreign key (u) references u;

-- case: a foreign key is dropped
-- alembic: right
-- before
create table t (id integer primary key);
create table u (t integer references t);
-- after
create table t (id integer primary key);
create table u (t integer);

-- case: an exclusion constraint is added
-- alembic: missed
-- before
create table t (during tstzrange);
insert into t values ('[2026-01-01,2026-01-02)');
-- after
create table t (during tstzrange, exclude using gist (during with &&));

-- case: an exclusion constraint changes
-- alembic: missed
-- before
create table t (during tstzrange, constraint apart exclude using gist (during with &&));
-- after
create table t (during tstzrange, constraint apart exclude using gist (during with &&) where (not isempty(during)));

-- case: a check is added in two steps
-- alembic: missed
-- holds: not valid
-- holds: validate constraint
-- before
create table users (id bigint primary key, age integer);
insert into users values (1, 42);
-- after
create table users (id bigint primary key, age integer constraint grown check (age > 0));

-- case: a check gets another condition under the same name
-- alembic: missed
-- before
create table users (id bigint primary key, age integer constraint grown check (age > 0));
insert into users values (1, 42);
-- after
create table users (id bigint primary key, age integer constraint grown check (age > 17));

-- case: a check is added that existing rows need not satisfy
-- alembic: missed
-- holds: not valid
-- before
create table users (id bigint primary key, age integer);
insert into users values (1, -1);
-- after
create table users (id bigint primary key, age integer);
alter table users add constraint grown check (age > 0) not valid;

-- case: a unique constraint is added over an index built without a lock
-- alembic: right
-- holds: create unique index concurrently
-- holds: using index
-- before
create table users (id bigint primary key, mail text);
insert into users values (1, 'a@b'), (2, 'c@d');
-- after
create table users (id bigint primary key, mail text unique);

-- case: nulls count as equal in a unique constraint
-- alembic: right
-- holds: nulls not distinct
-- before
create table users (id bigint primary key, mail text, constraint users_mail unique (mail));
insert into users values (1, 'a@b'), (2, null);
-- after
create table users (id bigint primary key, mail text, constraint users_mail unique nulls not distinct (mail));

-- case: a unique constraint carries another column
-- alembic: missed
-- holds: include
-- before
create table users (id bigint primary key, mail text, name text, constraint users_mail unique (mail));
insert into users values (1, 'a@b', 'ann');
-- after
create table users (id bigint primary key, mail text, name text, constraint users_mail unique (mail) include (name));

-- case: a unique constraint becomes deferred
-- alembic: missed
-- holds: deferrable
-- before
create table users (id bigint primary key, place integer, constraint users_place unique (place));
insert into users values (1, 1), (2, 2);
-- after
create table users (id bigint primary key, place integer, constraint users_place unique (place) deferrable initially deferred);

-- case: a unique constraint is dropped
-- alembic: right
-- holds: drop constraint
-- before
create table users (id bigint primary key, mail text unique);
insert into users values (1, 'a@b');
-- after
create table users (id bigint primary key, mail text);

-- case: a primary key gets a second column
-- alembic: missed
-- before
create table users (team integer not null, id bigint primary key);
insert into users values (1, 1), (1, 2);
-- after
create table users (team integer not null, id bigint not null, constraint users_pkey primary key (team, id));

-- case: a key that a foreign key references moves to another column
-- alembic: wrong
-- before
create table users (id bigint primary key, code text not null, constraint users_code unique (code));
create table notes (id bigint primary key, user_code text references users (code));
insert into users values (1, 'a');
insert into notes values (1, 'a');
-- after
create table users (id bigint not null unique, code text not null, constraint users_pkey primary key (code));
create table notes (id bigint primary key, user_code text references users (code));

-- case: a foreign key is added in two steps
-- alembic: right
-- holds: not valid
-- holds: validate constraint
-- before
create table users (id bigint primary key);
create table notes (id bigint primary key, user_id bigint);
insert into users values (1);
insert into notes values (1, 1);
-- after
create table users (id bigint primary key);
create table notes (id bigint primary key, user_id bigint references users (id));

-- case: a foreign key becomes deferred
-- alembic: right
-- holds: deferrable
-- before
create table users (id bigint primary key);
create table notes (id bigint primary key, user_id bigint references users (id));
insert into users values (1);
insert into notes values (1, 1);
-- after
create table users (id bigint primary key);
create table notes (id bigint primary key, user_id bigint references users (id) deferrable initially deferred);

-- case: a foreign key is added that existing rows need not satisfy
-- alembic: wrong
-- holds: not valid
-- before
create table users (id bigint primary key);
create table notes (id bigint primary key, user_id bigint);
insert into notes values (1, 99);
-- after
create table users (id bigint primary key);
create table notes (id bigint primary key, user_id bigint);
alter table notes add constraint notes_user foreign key (user_id) references users (id) not valid;

-- case: a table references itself
-- alembic: right
-- before
create table nodes (id bigint primary key, parent bigint);
insert into nodes values (1, null), (2, 1);
-- after
create table nodes (id bigint primary key, parent bigint references nodes (id));

-- case: two new tables reference each other
-- alembic: wrong
-- before
create table users (id bigint primary key);
insert into users values (1);
-- after
create table users (id bigint primary key);
create table teams (id bigint primary key, captain bigint);
create table players (id bigint primary key, team bigint references teams (id));
alter table teams add constraint teams_captain foreign key (captain) references players (id);

-- case: a foreign key sets only one of two columns to null on delete
-- alembic: right
-- holds: on delete set null (user_id)
-- before
create table users (team bigint, id bigint, primary key (team, id));
create table notes (id bigint primary key, team bigint not null, user_id bigint, constraint notes_user foreign key (team, user_id) references users (team, id));
insert into users values (1, 1);
insert into notes values (1, 1, 1);
-- after
create table users (team bigint, id bigint, primary key (team, id));
create table notes (id bigint primary key, team bigint not null, user_id bigint, constraint notes_user foreign key (team, user_id) references users (team, id) on delete set null (user_id));

-- case: bookings may not overlap
-- alembic: missed
-- holds: exclude using gist
-- before
create table bookings (id bigint primary key, during tstzrange);
insert into bookings values (1, '[2026-01-01,2026-01-02)'), (2, '[2026-01-02,2026-01-03)');
-- after
create table bookings (id bigint primary key, during tstzrange, constraint apart exclude using gist (during with &&));

-- case: an exclusion gets a condition
-- alembic: missed
-- holds: exclude using gist
-- before
create table bookings (id bigint primary key, during tstzrange, off boolean not null default false, constraint apart exclude using gist (during with &&));
insert into bookings values (1, '[2026-01-01,2026-01-02)', false);
-- after
create table bookings (id bigint primary key, during tstzrange, off boolean not null default false, constraint apart exclude using gist (during with &&) where (not off));
