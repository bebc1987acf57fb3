create extension vector;
create table embedded (id integer primary key, at halfvec(3), sparse sparsevec(9));
insert into embedded select i, format('[%s,%s,0.5]', i % 7, i % 11)::halfvec, format('{1:%s,9:2}/9', i)::sparsevec from generate_series(1, 2000) i;
create index on embedded using hnsw (at halfvec_cosine_ops);
