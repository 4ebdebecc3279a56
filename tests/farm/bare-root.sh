#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# In a bare Debian 13, as root: Slurm with one node of four processors, and the packages in this folder.  Four tasks make
# the pictures of a sheet; one's process is killed in mid-run, and another is requeued in mid-run.  In the end each picture
# is there, was made once, and is the one that a single run makes.  What went well is in results/report.

set -euo pipefail
cd -- "$(dirname -- "$0")"
test=$PWD
results=$test/results
rows=20

say () { printf '%s\n' "$*" | tee -a "$results/report"; }
die () { say "FAILED: $*"; exit 1; }

install_all ()
{
  rm -rf -- "$results"
  install -d -m 0777 -- "$results"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  apt-get -q -y install --no-install-recommends slurm-wlm munge procps ./hidiffusion_*.deb ./hidiffusion-data_*.deb
}

# --- Slurm ------------------------------------------------------------------------

write_configuration ()
{
  local host
  host=$(hostname -s)
  mkdir -p /etc/slurm /var/spool/slurmctld /var/spool/slurmd /var/log/slurm
  cat >/etc/slurm/slurm.conf <<END
ClusterName=farm
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=27817
SlurmdPort=27818
SlurmUser=root
AuthType=auth/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmdParameters=config_overrides
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd
SlurmctldLogFile=$results/slurmctld.log
SlurmdLogFile=$results/slurmd.log
NodeName=$host NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
  echo 'CgroupPlugin=disabled' >/etc/slurm/cgroup.conf
}

start_slurm ()
{
  [ -s /etc/munge/munge.key ] || mungekey --create
  chown -R munge: /etc/munge /var/lib/munge /var/log/munge
  install -d -o munge -g munge -m 0755 /run/munge
  runuser -u munge -- munged
  slurmctld
  slurmd
  wait_for 'the node' 60 eval 'sinfo -h -o %T | grep -q idle'
}

# Nothing outlives the test: each has written its number.
stop_slurm ()
{
  local file end
  scancel --signal=KILL --full -u root 2>/dev/null || :
  for file in /run/slurmd.pid /run/slurmctld.pid /run/munge/munged.pid; do
    [ ! -s "$file" ] || kill "$(cat "$file")" 2>/dev/null || :
  done
  end=$((SECONDS + 15))
  while pgrep -x 'slurmd|slurmctld|slurmstepd|munged' >/dev/null && [ "$SECONDS" -lt "$end" ]; do
    sleep 0.2
  done
}

# wait_for WHAT SECONDS COMMAND...
wait_for ()
{
  local what=$1 end=$((SECONDS + $2))
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || die "waited for $what"
    sleep 0.1
  done
}

# --- the farm ---------------------------------------------------------------------

write_sheet ()
{
  local colours=(red orange yellow green blue) shapes=(star heart ball square) i
  echo 'prompt,width,height,steps,output'
  for ((i = 0; i < rows; i++)); do
    echo "a ${colours[i % 5]} ${shapes[i % 4]} on a sky background,256,256,20,$((i + 1)).png"
  done
}

made_by () { grep -c -E ' row [0-9]+ of .* in [0-9:]+$' "hidiffusion-${job}_$1.log"; }
has_made () { [ "$(made_by "$1")" -ge "$2" ]; }
is_requeued () { [ "$(squeue -h -j "${job}_$1" -o %t)" = PD ]; }
is_over () { [ -z "$(squeue -h)" ]; }
# Slurm lets requeued tasks wait for two minutes.
start_again () { scontrol update "JobId=${job}_$1" StartTime=now; }
list_pictures () { stat -c '%n %i %Y %s' out/*.png | sort; }

disturb ()
{
  wait_for 'two pictures of task 3' 300 has_made 3 2
  pkill -KILL -f -- '^hidiffusion batch .*--shard 3/4' || die 'the process of task 3 was not found'
  list_pictures >at-the-kill
  say "task 3 was killed after $(made_by 3) of its rows"
  wait_for 'task 3 to be requeued' 60 is_requeued 3
  wait_for 'two pictures of task 2' 300 has_made 2 2
  scontrol requeue "${job}_2"
  list_pictures >>at-the-kill
  say "task 2 was requeued after $(made_by 2) of its rows"
  wait_for 'task 2 to be requeued' 60 is_requeued 2
  start_again 3
  start_again 2
}

check_results ()
{
  local row n
  for ((row = 1; row <= rows; row++)); do
    cmp "out/$row.png" "single/$row.png" || die "row $row: another picture than a single run's"
    n=$(cat hidiffusion-"${job}"_*.log | grep -c -E " row $row of .* in [0-9:]+\$" || :)
    # One that is killed between writing a picture and telling so has made it nevertheless.
    [ "$n" -le 1 ] || die "row $row was made $n times"
  done
  [ "$(ls -A out | wc -l)" = "$rows" ] || die "other files than pictures: $(ls -A out)"
  list_pictures >at-the-end
  sort -u at-the-kill | comm -23 - at-the-end | grep . && die 'these pictures were made again' || :
  say "$rows pictures, each made once and identical to a single run's"
}

farm ()
{
  mkdir -p -- "$results/farm"
  cd -- "$results/farm"
  write_configuration
  start_slurm
  say "$(sbatch --version), $(hidiffusion --version)"
  write_sheet >sheet.csv
  SECONDS=0
  hidiffusion batch sheet.csv -m demo -o single >single.log || die "the single run: $(tail -n 1 single.log)"
  say "a single run took $SECONDS s"
  job=$(sbatch --parsable --array=1-4 --cpus-per-task=1 "$test/hidiffusion-batch.sbatch" sheet.csv -m demo -o out)
  disturb
  wait_for 'the end of all tasks' 600 is_over
  check_results
}

install_all
trap stop_slurm EXIT
farm
