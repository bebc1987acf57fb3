FROM debian:12
MAINTAINER me <me@example.com>
LABEL maintainer="me"
maintainer you
