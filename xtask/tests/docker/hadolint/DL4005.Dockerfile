FROM debian:12
RUN ln -sfv /bin/bash /bin/sh
RUN ln -s /bin/sh /a
RUN ln -s /a /b
ONBUILD RUN ln -sf /bin/bash /bin/sh
