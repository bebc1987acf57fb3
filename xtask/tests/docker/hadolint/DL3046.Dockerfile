FROM debian:12
RUN useradd -u 123456 a
RUN useradd -u 12345 a
RUN useradd -l -u 123456 a
RUN useradd --no-log-init -u 123456 a
RUN useradd --uid 123456 a
RUN useradd a
RUN useradd -m -u 1234567 a
ONBUILD RUN useradd -u 123456 a
