FROM debian:12 AS a
RUN curl x
RUN wget -q x
RUN true
RUN curl y
FROM debian:12
RUN wget -q x
RUN echo curl
FROM debian:12
RUN curl x && wget -q y
ONBUILD RUN curl x
ONBUILD RUN wget -q x
