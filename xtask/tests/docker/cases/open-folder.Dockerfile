# expect SQ-D11 at 3
FROM debian:12.5
RUN mkdir /data && chmod 777 /data
ENV A=1
RUN mkdir /tmp/x && chmod 1777 /tmp/x
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
