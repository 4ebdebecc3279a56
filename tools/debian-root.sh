# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# How Debian roots are made, for scripts that source this: tools/env and
# tools/package.  These have the functions say and die.

debian_suite=trixie

# need COMMAND PACKAGE: installs PACKAGE where the command is missing.
need ()
{
  ! command -v "$1" >/dev/null || return 0
  [ "$(id -u)" = 0 ] || die "$1 is missing: install the package $2"
  command -v apt-get >/dev/null ||
    die "$1 is missing, and this system has no apt-get to install it with"
  say "installing $2"
  apt-get -qq update >&2
  DEBIAN_FRONTEND=noninteractive \
    apt-get -qq install --no-install-recommends "$2" >&2
}

# The Debian mirror of the host's own apt configuration, whatever its format.
find_mirror ()
{
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
    'Origin: Debian' 'Label: Debian' 'Component: main' | head -n 1
}

# Sets keyring.  An old debian-archive-keyring does not know Debian 13's keys;
# every supported release of Debian and Ubuntu has an update that does.
find_keyring ()
{
  local dir=/usr/share/keyrings
  if ! compgen -G "$dir/debian-archive-$debian_suite-automatic.*" >/dev/null &&
     [ "$(id -u)" = 0 ]; then
    say 'updating debian-archive-keyring'
    apt-get -qq update >&2
    DEBIAN_FRONTEND=noninteractive apt-get -qq install \
      --no-install-recommends debian-archive-keyring >&2
  fi
  for keyring in "$dir"/debian-archive-keyring.{pgp,gpg}; do
    [ ! -e "$keyring" ] || return 0
  done
  die 'the package debian-archive-keyring is missing'
}

# Sets mirror, the line of apt's sources debian_source, and debian_options for
# mmdebstrap.
find_debian ()
{
  local keyring line
  need mmdebstrap mmdebstrap
  find_keyring
  mirror=${HD_ENV_MIRROR:-$(find_mirror)}
  if [ -z "$mirror" ] && [ "$(id -u)" = 0 ]; then
    apt-get -qq update >&2
    mirror=$(find_mirror)
  fi
  [ -n "$mirror" ] ||
    die "apt has no Debian mirror here (or never ran 'apt-get update'):" \
        'set HD_ENV_MIRROR to the address of one'
  debian_source="deb [signed-by=$keyring] $mirror $debian_suite main"

  debian_options=(--quiet --variant=minbase --components=main)
  # Proxies and the like, as they are set for the host's own apt.
  while IFS= read -r line; do
    debian_options+=("--aptopt=$line")
  done < <(apt-config dump |
           grep -E '^Acquire::(https?::|Retries|Check-|Max-Future|ForceIP)' || :)
}
