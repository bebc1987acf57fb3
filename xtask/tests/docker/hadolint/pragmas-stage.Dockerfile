# hadolint stage ignore=DL3003
FROM debian:12
RUN cd /a
FROM debian:12
RUN cd /a
# hadolint stage ignore=DL3059
FROM debian:12
RUN cd /a
RUN b
