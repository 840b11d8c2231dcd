#!/usr/bin/env bash
# run.sh KIT SECONDS [ARGUMENT...]: on a GPU machine without network, from the repository's root.
#
# Installs the kit (.kit/, see docs/gpu.md), checks its kernels, and starts benchmarks.gpu.session
# with the arguments, once: a later call only waits on. Returns when the session has ended or the
# seconds are up; what there is by then lies in $OUT/session.tar.gz either way.
set -uo pipefail
kit=$1; seconds=$2; shift 2
begun=$SECONDS
site=/tmp/site-$kit; work=/tmp/session-$kit; out=${OUT:-$PWD/out}
mkdir -p "$work" "$out"

pack() {
    tar -czf "$out/session.tmp" -C "$work" --exclude='*.plan' . && mv "$out/session.tmp" "$out/session.tar.gz"
    tail -n 60 "$work/session.log"
}

if [ ! -e "$work/started" ]; then
    touch "$work/started"
    {
        # shellcheck disable=SC1091,SC2016
        setsid bash -c '
            set -uo pipefail
            kit=$1; site=$2; work=$3; shift 3
            date; nvidia-smi || exit 3
            bash .kit/install.sh "$kit" "$site" || exit 4
            # --upgrade: a kit may have a stand-in where the server needs the package itself.
            python3 -m pip install -q --no-index --no-deps --no-compile --upgrade --target "$site" \
                .kit/whl/*.whl || exit 4
            . "$site/env.sh"; export PYTHONPATH=$PWD:$PYTHONPATH SLAIBENCH_CACHE=/tmp/slaibench-cache
            date; nvidia-smi -q -d CLOCK,POWER,TEMPERATURE,PERFORMANCE > "$work/nvidia-smi.txt"
            case $kit in vllm*) timeout 90 python3 .kit/verify.py || echo "verify.py failed" ;; esac
            date
            python3 -m benchmarks.gpu.session --out "$work/session" "$@"; status=$?
            # 5: the engine hangs at its start. The older model runner may not.
            if [ $status = 5 ]; then
                export VLLM_USE_V2_MODEL_RUNNER=0
                python3 -m benchmarks.gpu.session --out "$work/session" "$@"; status=$?
            fi
            exit $status
        ' run "$kit" "$site" "$work" "$@" > "$work/session.log" 2>&1
        echo $? > "$work/ended"
    } &
fi
while [ ! -e "$work/ended" ] && [ $((SECONDS - begun)) -lt "$seconds" ]; do sleep 1; done
pack
[ -e "$work/ended" ] && echo "ended with status $(cat "$work/ended")" || echo "still running"
