# syntax=docker/dockerfile:1
# hadolint reads a heredoc only if a blank line follows.
FROM debian:12
RUN <<EOF
apt-get update
apt-get install a
sudo b
EOF

RUN cat <<EOF > /a && cd /b
sudo x
EOF

COPY <<EOF /a
FROM x
RUN sudo y
EOF

COPY <<A <<B /dir/
USER root
A
sudo
B

RUN <<"EOF"
curl x | sh
EOF

RUN sudo python3 <<EOF
import sudo
EOF

RUN cd /a <<EOF | sudo b
c
EOF

RUN a <<EOF
EOF

USER 10001
