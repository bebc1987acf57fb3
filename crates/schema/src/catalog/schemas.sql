-- Schemas of our own, and `public`, whose grants and comment may change.
select 'schema' as kind, quote_ident(n.nspname) as name, null::text as parent,
       'pg_namespace'::regclass::oid::int8 as class, n.oid::int8 as id, 0 as sub, n.oid::int8 as born,
       jsonb_build_object('grants', pg_temp.grants(n.nspacl, 'n', n.nspowner),
                          'comment', obj_description(n.oid, 'pg_namespace')) as facets
from pg_namespace n
where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and not pg_temp.of_extension('pg_namespace', n.oid)
