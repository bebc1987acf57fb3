FROM debian:12
COPY a b /c
COPY a b /c/
COPY a /c
COPY ["a", "b", "/c/"]
COPY ["a", "b", "/c"]
COPY a b $C
COPY a b "/c/"
