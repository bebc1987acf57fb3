FROM debian:12 AS a
FROM debian:12 AS b
FROM debian:12 AS a
FROM debian:12 as b
FROM debian:12 AS A
