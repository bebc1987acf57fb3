FROM debian:12
LABEL a=1
LABEL A=1
LABEL a.b-c_d/e=1
LABEL a..b=1
LABEL a--b=1
LABEL com.docker.a=1
LABEL a.=1
LABEL 1a=1
LABEL a1=1 "b c"=2
LABEL org.opencontainers.image.title="x y"
LABEL a b c
