FROM debian:12
RUN wget https://example.com
RUN wget -q https://example.com
RUN wget --quiet https://example.com
RUN wget --progress=dot:giga https://example.com
RUN wget -nv https://example.com
RUN wget --no-verbose https://example.com
RUN wget -O a https://example.com
RUN wget -o a https://example.com
RUN wget -qO- https://example.com
ONBUILD RUN wget https://example.com
