#!/usr/bin/env bash
# One run on the nodes of a Slurm allocation, its folder on a disk that all of them see:
#
#   sbatch --nodes=16 configs/cluster/slurm.sh configs/commoncrawl.toml --run /shared/runs/crawl
#
# Arguments are those of `sluice run`. Submitted from the repository's folder, with its .venv on the
# shared disk. Submitted again after a time limit, it goes on where it stopped.
#
#SBATCH --job-name=sluice
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --time=24:00:00
#SBATCH --requeue
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:?submit this script with sbatch}"

export PATH=$PWD/.venv/bin:$PATH
nodes=$(scontrol show hostnames "$SLURM_JOB_NODELIST")  # no pipe: whom it ends early fails the job
head=${nodes%%$'\n'*}
port=$((20000 + SLURM_JOB_ID % 10000))

# Every node must know one token that nobody else can read.
token=$HOME/.ray/sluice-$SLURM_JOB_ID
mkdir -p "$HOME/.ray"
(umask 077 && python -c 'import secrets; print(secrets.token_hex(32))' >"$token")
trap 'rm -f "$token"' EXIT
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$token RAY_USAGE_STATS_ENABLED=0

# Starts Ray on every node; runs the command on the head once all have joined; then stops Ray.
srun --kill-on-bad-exit=1 ray symmetric-run \
    --address "$head:$port" \
    --min-nodes "$SLURM_JOB_NUM_NODES" \
    -- sluice run "$@" --address auto
