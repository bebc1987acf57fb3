# expect UndefinedVar at 6
# expect UndefinedVar at 7
FROM debian:12.5
ARG KNOWN=/a
WORKDIR $KNOWN
COPY a ${UNKNOWN}/b
ENV X=$X
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
