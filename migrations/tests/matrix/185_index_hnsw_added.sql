-- kind: indexes
-- what: an hnsw index with its operator class and options is added
-- expect: generated
-- holds: vector_cosine_ops
-- holds: ef_construction
-- before
create extension vector;
create table docs (id bigint primary key, embedding vector(3));
insert into docs values (1, '[1,2,3]');
-- after
create extension vector;
create table docs (id bigint primary key, embedding vector(3));
create index docs_embedding on docs using hnsw (embedding vector_cosine_ops) with (m = 8, ef_construction = 32);
