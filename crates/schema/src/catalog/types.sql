-- Enums with their values in order, domains, and composite types with their attributes.
select case t.typtype when 'e' then 'enum' when 'd' then 'domain' else 'composite' end as kind,
       t.oid::regtype::text as name, null::text as parent,
       'pg_type'::regclass::oid::int8 as class, t.oid::int8 as id, 0 as sub, t.oid::int8 as born,
       jsonb_build_object(
           'values', (select jsonb_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid)::text,
           'attributes', (select jsonb_agg(jsonb_build_array(quote_ident(a.attname), format_type(a.atttypid, a.atttypmod)
                                           || pg_temp.collation_of(a.attcollation, a.atttypid)) order by a.attnum)
                          from pg_attribute a where t.typtype = 'c' and a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped)::text,
           'base', case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod)
                        || pg_temp.collation_of(t.typcollation, t.typbasetype) end,
           'default', case when t.typtype = 'd' then t.typdefault end,
           'not null', case when t.typtype = 'd' and t.typnotnull then 'true' end,
           'grants', pg_temp.grants(t.typacl, 'T', t.typowner),
           'comment', obj_description(t.oid, 'pg_type')) as facets
from pg_type t left join pg_class c on c.oid = t.typrelid
where t.oid >= 16384 and pg_temp.ours(t.typnamespace) and (t.typtype in ('e', 'd') or t.typtype = 'c' and c.relkind = 'c')
  and not pg_temp.of_extension('pg_type', t.oid)
