#!/usr/bin/env bash
#SBATCH --job-name=repro
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --signal=B:TERM@120
#SBATCH --output=repro-%j.log
# Start Ray on the nodes of a Slurm job and train a suite on it:
#   sbatch --nodes 4 --gpus-per-node 8 --time 24:00:00 docs/cluster/slurm.sh cityscapes --seeds 0,1,2,3,4,5
# Submit from the checkout, in a folder that all nodes share. Two minutes before the time is over every run makes a
# checkpoint and the job ends with 75; the same sbatch goes on from there.
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:?start this with sbatch}"
export PATH="${REPRO_VENV:-$PWD/.venv}/bin:$PATH" PYTHONPATH="$PWD" NO_ALBUMENTATIONS_UPDATE=1
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN RAY_USAGE_STATS_ENABLED=0
export RAY_worker_niceness=0 RAY_raylet_start_wait_time_s=120
RAY_AUTH_TOKEN="$(python -c 'import secrets; print(secrets.token_hex(32))')"

port="${REPRO_RAY_PORT:-6379}"
temporary="${REPRO_RAY_TMPDIR:-/tmp/ray-$SLURM_JOB_ID}"  # short: the names of sockets have 107 characters
head="$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)"
address="${REPRO_RAY_HEAD:-$(srun --nodes 1 --ntasks 1 --nodelist "$head" --overlap hostname -I | cut -d" " -f1)}:$port"
ports=(--node-manager-port $((port + 1)) --object-manager-port $((port + 2)) --runtime-env-agent-port $((port + 3))
    --dashboard-agent-grpc-port $((port + 4)) --dashboard-agent-listen-port $((port + 5))
    --metrics-export-port $((port + 6)) --min-worker-port $((port + 10)) --max-worker-port $((port + 1000)))
share=(--num-cpus "$SLURM_CPUS_ON_NODE" --num-gpus "${SLURM_GPUS_ON_NODE:-0}" --object-store-memory 100000000)

end() { for step in $(jobs -p); do kill "$step" 2>/dev/null || true; done; wait; }
trap end EXIT

srun --nodes 1 --ntasks 1 --nodelist "$head" --overlap ray start --block --head --port "$port" \
    --node-ip-address "${address%:*}" --include-dashboard false --temp-dir "$temporary" "${ports[@]}" "${share[@]}" &
if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then
    srun --nodes $((SLURM_JOB_NUM_NODES - 1)) --ntasks $((SLURM_JOB_NUM_NODES - 1)) --exclude "$head" --overlap \
        bash -c 'until ray start --block --address "$0" "$@"; do sleep 5; done' "$address" "${ports[@]}" "${share[@]}" &
fi
until ray health-check --address "$address" >/dev/null 2>&1; do sleep 2; done

./run_all.sh "$@" --cluster "$address" &
driver=$!
trap 'kill -TERM "$driver" 2>/dev/null || true' TERM
code=0
wait "$driver" || code=$?
if kill -0 "$driver" 2>/dev/null; then code=0; wait "$driver" || code=$?; fi  # a signal ended the first wait alone
exit "$code"
