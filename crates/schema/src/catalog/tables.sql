-- Tables, partitioned tables and partitions.
select 'table' as kind, c.oid::regclass::text as name, null::text as parent,
       'pg_class'::regclass::oid::int8 as class, c.oid::int8 as id, 0 as sub, c.oid::int8 as born,
       jsonb_build_object(
           'unlogged', case c.relpersistence when 'u' then 'true' end,
           'partitioned by', case c.relkind when 'p' then pg_get_partkeydef(c.oid) end,
           'partition of', case when c.relispartition then (select i.inhparent::regclass::text from pg_inherits i where i.inhrelid = c.oid) end,
           'bound', pg_get_expr(c.relpartbound, c.oid),
           'options', (select jsonb_object_agg(split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)) from unnest(c.reloptions) o)::text,
           'access method', (select m.amname from pg_am m where m.oid = c.relam and m.amname <> 'heap'),
           'replica identity', case c.relreplident when 'n' then 'nothing' when 'f' then 'full'
               when 'i' then 'using index ' || (select quote_ident(x.relname) from pg_index i join pg_class x on x.oid = i.indexrelid
                                               where i.indrelid = c.oid and i.indisreplident) end,
           'row security', case when c.relrowsecurity then 'enabled' end,
           'forced row security', case when c.relforcerowsecurity then 'true' end,
           'grants', pg_temp.grants(c.relacl, 'r', c.relowner),
           'comment', obj_description(c.oid, 'pg_class')) as facets
from pg_class c
where c.oid >= 16384 and c.relkind in ('r', 'p') and pg_temp.ours(c.relnamespace) and not pg_temp.of_extension('pg_class', c.oid)
  and c.relname <> '_sqlx_migrations'
