# hadolint global ignore=DL3003,DL3059
FROM debian
RUN cd /a
RUN sudo b
