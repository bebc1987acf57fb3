# first
ARG A=1
ENV B=1
LABEL c=1
FROM debian:12
ENV B=1
