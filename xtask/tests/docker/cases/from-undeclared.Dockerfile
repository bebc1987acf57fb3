# expect UndefinedArgInFrom at 2
FROM debian:${VERSION}
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
