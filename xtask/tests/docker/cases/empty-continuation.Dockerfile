# expect NoEmptyContinuation at 4
FROM debian:12.5
RUN true \

  && false
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
