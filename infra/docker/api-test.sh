#!/bin/sh
# Runs every test program with the same arguments, such as `api-test sign_in --nocapture`. All of
# them run, even after one failed.
failed=0
for program in /tests/*; do
    echo "── $(basename "$program" | sed 's/-[0-9a-f]*$//')"
    "$program" "$@" || failed=1
done
exit "$failed"
