# expect SC2164 at 6
# expect DL3003 at 9
# expect SC2164 at 9
FROM debian:12.5
# hadolint ignore=DL3003 # the folder is made in the same line
RUN mkdir /a && cd /a
ENV A=1
# hadolint ignore=DL3004
RUN mkdir /b && cd /b
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
