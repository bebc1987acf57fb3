# expect SQ-D08 at 1
ARG A=1
