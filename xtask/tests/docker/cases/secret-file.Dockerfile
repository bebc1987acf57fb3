# expect CIS-DI-0010 at 4
# expect CIS-DI-0010 at 5
FROM debian:12.5
COPY .env /srv/.env
COPY keys/id_rsa certs/ca.pem /srv/
COPY .env.example /srv/
LABEL org.opencontainers.image.title=a org.opencontainers.image.description=b org.opencontainers.image.licenses=MIT
HEALTHCHECK NONE
USER 10001
