-- Views and materialized views, with the columns that `create or replace` must keep.
select case c.relkind when 'm' then 'materialized view' else 'view' end as kind, c.oid::regclass::text as name, null::text as parent,
       'pg_class'::regclass::oid::int8 as class, c.oid::int8 as id, 0 as sub,
       (select max(r.oid::int8) from pg_rewrite r where r.ev_class = c.oid) as born,
       jsonb_build_object('definition', rtrim(pg_get_viewdef(c.oid), ';'),
                          'options', (select jsonb_object_agg(split_part(o, '=', 1), substr(o, strpos(o, '=') + 1)) from unnest(c.reloptions) o)::text,
                          'columns', (select jsonb_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod) order by a.attnum)
                                      from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)::text,
                          'column comments', (select jsonb_object_agg(quote_ident(a.attname), col_description(c.oid, a.attnum))
                                      from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and col_description(c.oid, a.attnum) is not null)::text,
                          'unfilled', case when c.relkind = 'm' and not c.relispopulated then 'true' end,
                          'grants', pg_temp.grants(c.relacl, 'r', c.relowner),
                          'comment', obj_description(c.oid, 'pg_class')) as facets
from pg_class c
where c.oid >= 16384 and c.relkind in ('v', 'm') and pg_temp.ours(c.relnamespace) and not pg_temp.of_extension('pg_class', c.oid)
