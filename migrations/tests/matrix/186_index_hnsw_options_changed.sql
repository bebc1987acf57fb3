-- kind: indexes
-- what: the options of an hnsw index change
-- expect: generated
-- before
create extension vector;
create table docs (id bigint primary key, embedding vector(3));
create index docs_embedding on docs using hnsw (embedding vector_cosine_ops) with (m = 8);
insert into docs values (1, '[1,2,3]');
-- after
create extension vector;
create table docs (id bigint primary key, embedding vector(3));
create index docs_embedding on docs using hnsw (embedding vector_cosine_ops) with (m = 16);
