FROM debian:12
ENV A=1 B=$A
ENV C=1
ENV C=2 D=$C
ENV E=1 F=${E} G=${EE}
ENV H=1 I="$H-x"
ENV J=1 K=$JJ
ARG L
ENV L=1 M=$L
ENV N=$N
ENV O=${P:-1} P=2
