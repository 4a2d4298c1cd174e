#!/bin/sh
# A stand-in for nvidia-smi, for tests: it prints the files beside it, and goes on printing where the real one does.
# What it was asked for is in calls.txt; with a file fail.txt it fails and says that.
here=$(dirname "$0")
echo "$*" >>"$here/calls.txt"
if [ -e "$here/fail.txt" ]; then
    cat "$here/fail.txt"
    exit 9
fi
case "$1" in
--help-query-gpu) cat "$here/help.txt" ;;
--query-compute-apps=*) cat "$here/processes.csv" ;;
--query-gpu=*)
    echo $$ >"$here/pid"
    while [ -e "$here/cards.csv" ]; do
        cat "$here/cards.csv"
        sleep 0.05
    done
    ;;
esac
