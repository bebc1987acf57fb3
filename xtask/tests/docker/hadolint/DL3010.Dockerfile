FROM debian:12 AS early
COPY a.tar.gz /tmp/
RUN tar xzf /tmp/a.tar.gz
FROM debian:12
COPY a.tar.gz /tmp/
RUN tar -xzf /tmp/a.tar.gz
COPY b.tgz /tmp/
COPY c.zip /tmp/
RUN unzip /tmp/c.zip && gunzip "/tmp/b.tgz"
COPY d.tar /tmp/other.tar
RUN tar --extract --file /tmp/d.tar
COPY e.tar /tmp/e2.tar
RUN tar -x -f /tmp/e2.tar
COPY --from=early /f.tar /f.tar
RUN tar -xf /f.tar
COPY g.tar /g.tar
RUN tar -cf /g.tar x
