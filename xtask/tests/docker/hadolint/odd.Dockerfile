from debian:12 as a
run sudo a
Copy --chown=1:1 --from=0 a b
user root
expose 70000
healthcheck cmd a

FROM debian:12
	RUN sudo b
  USER root
STOPSIGNAL SIGTERM
VOLUME /a
