FROM debian:12
RUN if [ -f /a ]; then sudo b; fi
RUN for x in a b; do sudo $x; done
RUN while read x; do sudo $x; done < /a
RUN case "$a" in (b) sudo c ;; *) d ;; esac
RUN f() { sudo a; }; f
RUN a && { sudo b; } > /c 2>&1
RUN (a; sudo b) &
RUN a "$(sudo b)"
RUN a `sudo b`
RUN a "`sudo b`"
RUN X=1 Y="2" sudo a
RUN 'su'do a
RUN s\udo a
RUN $SUDO a
RUN a ${b:-$(sudo c)}
RUN ! sudo a
RUN exec sudo a
RUN command sudo a
RUN command -v sudo
RUN time sudo a
RUN [[ -f a ]] && sudo b
RUN ((a = 1)); sudo b
RUN a <<< b; sudo c
RUN a <(sudo b)
RUN a 2>/dev/null >&2 | sudo b
RUN echo 'sudo a' "sudo b" # sudo c
RUN a && ; sudo b
RUN a (b); sudo c
RUN sudo a; fi
RUN $a = (b); sudo c
RUN sudo a && $b = (c)
RUN a 'b; sudo c
RUN let x=1; sudo a
RUN find . -exec sudo {} \;
RUN a {b,c} && sudo d
RUN [ "sudo", "a" ]
RUN ["sh", "-c", "a && sudo b"]
RUN a; sudo b; ; c
