FROM debian:12
RUN a
RUN b
RUN c && d
RUN e
ENV X=1
RUN f
# a comment between
RUN g
RUN --mount=type=cache,target=/x h
RUN --mount=type=cache,target=/x i
RUN j $(k)
RUN l
RUN m | n
RUN o
WORKDIR /a
RUN p
