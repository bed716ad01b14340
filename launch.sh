#!/usr/bin/env bash
# Sets up .venv on the first start, then runs: python -m gan_zoo "$@"
# ./launch.sh test [pytest arguments] runs the linter and the tests instead.
#
#   PYTHON               the Python to build .venv with, 3.11 or newer (default: the first one found)
#   GAN_ZOO_VENV         another place for .venv
#   GAN_ZOO_ACCELERATOR  cpu, cuda, cuda12 or tpu (default: what this machine has)
set -euo pipefail

fail() { printf 'launch.sh: %s\n' "$*" >&2; exit 2; }

self=$(readlink -f -- "${BASH_SOURCE[0]}")
root=${self%/*}
venv=${GAN_ZOO_VENV:-$root/.venv}
[[ $venv == /* ]] || venv=$PWD/$venv
stamps=$venv/.gan_zoo  # a stamp for each extra says which setup.cfg, Python and folder it was installed for

# Prints "3.12" for Python 3.12.1; fails for a Python older than 3.11, or none.
version() {
  local text
  text=$("$1" -V 2>/dev/null) || return 1
  [[ $text =~ ^Python\ (3\.([0-9]+)) ]] && ((BASH_REMATCH[2] >= 11)) && echo "${BASH_REMATCH[1]}"
}

find_python() {
  local python candidates=(python3 python3.14 python3.13 python3.12 python3.11)
  [[ -z ${PYTHON:-} ]] || candidates=("$PYTHON")
  for python in "${candidates[@]}"; do
    if version "$python" >/dev/null; then echo "$python" && return; fi
  done
  fail "${PYTHON:-python3} is no Python 3.11 or newer. Install one, or name one: PYTHON=/path/to/python ./launch.sh"
}

installed() {
  local text
  [[ -r $stamps/$1.stamp ]] && read -r text <"$stamps/$1.stamp" && [[ $text == "$want" ]]
}

missing() {
  local extra
  for extra in $extras; do installed "$extra" || printf '%s ' "$extra"; done
}

accelerator() {
  case ${GAN_ZOO_ACCELERATOR:-} in
    cpu) return ;;
    cuda | cuda12 | tpu) echo "$GAN_ZOO_ACCELERATOR" && return ;;
    "") ;;
    *) fail "GAN_ZOO_ACCELERATOR is cpu, cuda, cuda12 or tpu, not '$GAN_ZOO_ACCELERATOR'" ;;
  esac
  # What is installed for GPUs stays in use: nvidia-smi can take a second, and two versions of CUDA do not mix.
  if [[ -e $stamps/cuda12.stamp ]]; then echo cuda12
  elif [[ -e $stamps/cuda.stamp || $(nvidia-smi -L 2>/dev/null) == *"GPU "[0-9]* ]]; then echo cuda
  elif [[ -e /dev/accel0 ]]; then echo tpu
  elif [[ -e /dev/vfio/0 && -n ${TPU_WORKER_ID:-}${TPU_NAME:-}${ACCELERATOR_TYPE:-} ]]; then echo tpu
  fi
}

# Installs what is missing and writes the stamps last. An environment without a base stamp was killed half-way: it is
# made anew. Starts at the same time wait for the first one.
setup() {
  if [[ ! -d $stamps && -d $venv && -n $(ls -A "$venv") ]]; then
    fail "$venv was not made by launch.sh. Remove it, or name another place with GAN_ZOO_VENV."
  fi
  mkdir -p "$stamps" || fail "$venv cannot be written. Name another place with GAN_ZOO_VENV."
  (
    if command -v flock >/dev/null && ! flock -n 9; then
      echo "Waiting for another start to finish the setup ..." >&2
      flock 9
    fi
    todo=$(missing) fresh=""
    [[ -e $stamps/base.stamp && $(version "$venv/bin/python") == "$wanted" ]] || todo=$extras fresh=yes
    [[ -n $todo ]] || exit 0
    echo "Setting up (once, a few minutes) ..." >&2
    if [[ -n $fresh ]]; then
      python=$(find_python)
      rm -f "$stamps"/*.stamp
      find "$venv" -mindepth 1 -maxdepth 1 ! -name .gan_zoo -exec rm -rf {} +
      "$python" -m venv "$venv" >&2 || fail "$python cannot make an environment: is its venv module installed?"
    fi
    names=""
    for extra in $todo; do [[ $extra == base ]] || names+=,$extra; done
    "$venv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check \
      -e "$root${names:+[${names#,}]}" >"$stamps/pip.log" 2>&1 || { cat "$stamps/pip.log" >&2; fail "pip failed, see above."; }
    for extra in $todo; do echo "$want" >"$stamps/$extra.stamp"; done
  ) 9>>"$stamps/lock"
}

extras="base $(accelerator)"
case ${1:-} in
  speed) extras+=" benchmark" ;;
  sweep) extras+=" sweep" ;;
  reproduce) extras+=" sweep pretrained" ;;
  test) extras+=" dev sweep" ;;
esac
[[ " $*" != *[\ :=]tfds:* ]] || extras+=" catalog"
[[ ${1:-} == reproduce || " $*" != *[\ =/]@(srgan.py|efficientnet)* ]] || extras+=" pretrained"
[[ " $*" != *[\ :=]minilm:* ]] || extras+=" sentences"

# Without $PYTHON an environment keeps the Python that it was made with.
wanted=""
[[ -n ${PYTHON:-} || ! -e $stamps/base.stamp ]] || wanted=$(version "$venv/bin/python" || true)
if [[ -z $wanted ]]; then
  python=$(find_python) || exit 2
  wanted=$(version "$python")
fi
want="$wanted $(cat "$root/setup.cfg" "$root/pyproject.toml" | cksum) $root"
[[ -x $venv/bin/python && -z $(missing) ]] || setup

if [[ ${1:-} == test ]]; then
  shift
  cd "$root"
  "$venv/bin/python" -m ruff check
  exec "$venv/bin/python" -m pytest "$@"
fi
# -P: modules in the current directory do not shadow ours. exec: signals and the exit code are Python's own.
exec "$venv/bin/python" -P -m gan_zoo "$@"
