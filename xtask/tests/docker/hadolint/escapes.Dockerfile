# escape=`
FROM debian:12
RUN sudo `
  x
COPY a C:\b\
WORKDIR C:\
RUN cd C:\a
