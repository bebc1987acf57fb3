-- Objects of kinds that the generator does not write. A difference in one of them is refused, by name.
with found (kind, name, class, id) as (
    select 'event trigger', evtname::text, 'pg_event_trigger'::regclass::oid, oid from pg_event_trigger
    union all select 'rule', rulename || ' on ' || ev_class::regclass, 'pg_rewrite'::regclass, oid from pg_rewrite where rulename <> '_RETURN'
    union all select 'foreign data wrapper', fdwname, 'pg_foreign_data_wrapper'::regclass, oid from pg_foreign_data_wrapper
    union all select 'foreign server', srvname, 'pg_foreign_server'::regclass, oid from pg_foreign_server
    union all select 'foreign table', oid::regclass::text, 'pg_class'::regclass, oid from pg_class where relkind = 'f'
    union all select 'publication', pubname, 'pg_publication'::regclass, oid from pg_publication
    union all select 'cast', format('%s as %s', castsource::regtype, casttarget::regtype), 'pg_cast'::regclass, oid from pg_cast
    union all select 'operator', oid::regoperator::text, 'pg_operator'::regclass, oid from pg_operator
    union all select 'operator class', opcname, 'pg_opclass'::regclass, oid from pg_opclass
    union all select 'operator family', opfname, 'pg_opfamily'::regclass, oid from pg_opfamily
    union all select 'text search configuration', cfgname, 'pg_ts_config'::regclass, oid from pg_ts_config
    union all select 'text search dictionary', dictname, 'pg_ts_dict'::regclass, oid from pg_ts_dict
    union all select 'text search parser', prsname, 'pg_ts_parser'::regclass, oid from pg_ts_parser
    union all select 'text search template', tmplname, 'pg_ts_template'::regclass, oid from pg_ts_template
    union all select 'conversion', conname, 'pg_conversion'::regclass, oid from pg_conversion
    union all select 'language', lanname, 'pg_language'::regclass, oid from pg_language
    union all select 'transform', format('for %s', trftype::regtype), 'pg_transform'::regclass, oid from pg_transform
    union all select 'access method', amname, 'pg_am'::regclass, oid from pg_am
    union all select 'statistics object', stxname, 'pg_statistic_ext'::regclass, oid from pg_statistic_ext
    union all select 'aggregate', oid::regprocedure::text, 'pg_proc'::regclass, oid from pg_proc where prokind = 'a'
    union all select 'range type', oid::regtype::text, 'pg_type'::regclass, oid from pg_type where typtype = 'r'
    union all select 'base type', oid::regtype::text, 'pg_type'::regclass, oid from pg_type
              where typtype = 'b' and typelem = 0 or typtype = 'p'
    union all select 'default privileges', pg_describe_object('pg_default_acl'::regclass, oid, 0), 'pg_default_acl'::regclass, oid from pg_default_acl
    union all select 'inheritance', inhrelid::regclass || ' inherits ' || inhparent::regclass, 'pg_class'::regclass, inhrelid
              from pg_inherits join pg_class c on c.oid = inhrelid where not c.relispartition and c.relkind = 'r'
    union all select 'typed table', oid::regclass::text, 'pg_class'::regclass, oid from pg_class where reloftype <> 0
)
select f.kind, f.name from found f
where f.id >= 16384
  and not exists (select from pg_depend d where d.classid = f.class and d.objid = f.id and d.deptype = 'e')
order by 1, 2
