FROM debian:12 AS a
RUN a | b
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN a | b
SHELL ["/bin/sh", "-c"]
RUN a | b
FROM debian:12
RUN a || b
RUN a "|" b
RUN x=$(a | b)
RUN x=`a | b`
RUN case x in a|b) c;; esac
SHELL ["/bin/ash", "-eo", "pipefail", "-c"]
RUN a | b
SHELL ["pwsh", "-Command"]
RUN a | b
FROM debian:12
RUN set -o pipefail && a | b
RUN ["a", "|", "b"]
ONBUILD RUN a | b
RUN a |& b
