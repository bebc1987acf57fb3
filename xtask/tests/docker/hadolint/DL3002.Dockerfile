FROM debian:12 AS one
USER root
USER 10001
FROM debian:12 AS two
USER 10001
USER root
FROM debian:12 AS three
USER 0:0
FROM debian:12
USER root:wheel
USER rooty
