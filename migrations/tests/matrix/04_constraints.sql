-- case: a check is added
-- holds: not valid
-- holds: validate constraint
-- before
create table t (a integer);
insert into t values (1);
-- after
create table t (a integer constraint positive check (a > 0));

-- case: a check changes
-- before
create table t (a integer constraint positive check (a > 0));
insert into t values (5);
-- after
create table t (a integer constraint positive check (a > 1));

-- case: a check goes
-- before
create table t (a integer check (a > 0));
-- after
create table t (a integer);

-- case: a check is renamed
-- holds: rename constraint
-- before
create table t (a integer constraint old check (a > 0));
-- after
create table t (a integer constraint new check (a > 0));

-- case: a check that is not validated becomes valid
-- before
create table t (a integer);
alter table t add constraint positive check (a > 0) not valid;
-- after
create table t (a integer constraint positive check (a > 0));

-- case: a check that calls a function is added
-- before
create table t (a integer);
-- after
create function good(n integer) returns boolean language sql immutable as 'select n > 0';
create table t (a integer check (good(a)));

-- case: a unique constraint is added
-- holds: create unique index concurrently
-- holds: using index
-- before
create table t (a integer, b integer);
insert into t values (1, 2);
-- after
create table t (a integer, b integer, unique (a, b));

-- case: a unique constraint with nulls, more columns and a late check is added
-- before
create table t (a integer, b integer, c integer);
-- after
create table t (a integer, b integer, c integer,
    constraint one unique nulls not distinct (a) include (b),
    constraint two unique (c) deferrable initially deferred);

-- case: the columns of a unique constraint change
-- before
create table t (a integer, b integer, constraint key unique (a));
-- after
create table t (a integer, b integer, constraint key unique (b, a));

-- case: a primary key is added
-- before
create table t (a integer);
insert into t values (1);
-- after
create table t (a integer primary key);

-- case: a primary key that others point at gets another column
-- arguments: --allow-loss u.t
-- before
create table t (a integer primary key, b integer not null default 0);
create table u (t integer references t);
-- after
create table t (a integer, b integer not null default 0, primary key (a, b));
create table u (x integer);

-- case: a primary key goes
-- before
create table t (a integer primary key, b integer);
-- after
create table t (a integer not null, b integer);

-- case: a foreign key is added
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

-- case: a foreign key is added together with the key it points at
-- before
create table t (id integer, code text);
create table u (code text);
-- after
create table t (id integer, code text unique);
create table u (code text references t (code));

-- case: a foreign key does something else on delete
-- before
create table t (id integer primary key);
create table u (t integer references t);
-- after
create table t (id integer primary key);
create table u (t integer references t on delete set null deferrable);

-- case: new tables point at each other
-- before
create table x (a integer);
-- after
create table x (a integer);
create table t (id integer primary key, u integer, parent integer references t);
create table u (id integer primary key, t integer references t);
alter table t add foreign key (u) references u;

-- case: a foreign key goes
-- before
create table t (id integer primary key);
create table u (t integer references t);
-- after
create table t (id integer primary key);
create table u (t integer);

-- case: an exclusion constraint is added
-- before
create table t (during tstzrange);
insert into t values ('[2026-01-01,2026-01-02)');
-- after
create table t (during tstzrange, exclude using gist (during with &&));

-- case: an exclusion constraint changes
-- before
create table t (during tstzrange, constraint apart exclude using gist (during with &&));
-- after
create table t (during tstzrange, constraint apart exclude using gist (during with &&) where (not isempty(during)));
