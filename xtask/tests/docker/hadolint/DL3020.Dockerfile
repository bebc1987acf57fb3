FROM debian:12
ADD a /a
ADD a.tar.gz /a
ADD https://example.com/a /a
ADD a.tar b /a/
ADD "a.tgz" /a/
ADD --chown=1:1 a /a
ADD ["a b", "/a"]
ADD a.zip /a
ONBUILD ADD a /a
