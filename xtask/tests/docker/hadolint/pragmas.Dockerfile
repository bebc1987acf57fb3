FROM debian:12
# hadolint ignore=DL3003
RUN cd /a
# hadolint ignore=DL3003,DL3004 # both are fine here
RUN cd /a && sudo b
# hadolint ignore=DL3003

RUN cd /a
# hadolint ignore=DL3004
RUN cd /a
#hadolint ignore = DL3003 , DL3059
RUN cd /a
# hadolint ignore=DL3003 and more
RUN cd /a
# hadolint ignore=DL3003
# in between
RUN cd /a
