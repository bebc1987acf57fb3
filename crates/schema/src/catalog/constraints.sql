-- Constraints of tables, as PostgreSQL prints them. Not-null constraints are a facet of their column,
-- and those a partition has from its parent are the parent's.
select case n.contype when 'c' then 'check' when 'u' then 'unique' when 'p' then 'primary key' when 'f' then 'foreign key' else 'exclude' end as kind,
       c.oid::regclass::text || '.' || quote_ident(n.conname) as name, c.oid::regclass::text as parent,
       'pg_constraint'::regclass::oid::int8 as class, n.oid::int8 as id, 0 as sub, n.oid::int8 as born,
       jsonb_build_object('own name', quote_ident(n.conname),
                          'definition', regexp_replace(pg_get_constraintdef(n.oid), ' NOT VALID$', ''),
                          'validated', n.convalidated::text,
                          'plain index', case when n.contype in ('u', 'p')
                              then regexp_replace(pg_get_indexdef(n.conindid), '^CREATE UNIQUE INDEX .*? ON .*? USING ', 'using ') end,
                          'comment', obj_description(n.oid, 'pg_constraint')) as facets
from pg_constraint n join pg_class c on c.oid = n.conrelid
where n.oid >= 16384 and n.contype in ('c', 'u', 'p', 'f', 'x') and n.conparentid = 0 and n.conislocal
  and c.relkind in ('r', 'p') and pg_temp.ours(c.relnamespace)
  and not pg_temp.of_extension('pg_class', c.oid) and c.relname <> '_sqlx_migrations'
