#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# In a bare Debian 13, as root: installs the packages in this folder, has GIMP make a picture from a script and from its
# menu, removes them, and compares the lists of all files.  What went well is written to results/report, a line each.

set -euo pipefail
cd -- "$(dirname -- "$0")"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
test=$PWD
results=$test/results
names=()
for file in ./*.deb; do
  names+=("$(dpkg-deb --field "$file" Package)")
done
tools=(xvfb dbus dbus-x11 at-spi2-core xdotool procps python3 python3-gi gir1.2-atspi-2.0 gir1.2-gtk-3.0 adwaita-icon-theme
       librsvg2-common fonts-dejavu-core)

say () { printf '%s\n' "$*" | tee -a "$results/report"; }
die () { say "FAILED: $*"; exit 1; }

# What may be left by others, and why.
others=(
  '/var/(lib|cache)/apt/.*'              # apt's own lists
  '/var/lib/dpkg/.*'                     # dpkg's: triggers, alternatives, diversions; ours are looked for by name
  '/var/log/.*'                          # logs
  '/var/cache/(debconf|ldconfig|fontconfig|man)(/.*)?'
  '/etc/ld\.so\.cache'
  '/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?'  # system users of other packages, which Debian keeps
  '/etc/\.pwd\.lock'
  '/etc/machine-id|/var/lib/dbus(/.*)?|/run(/.*)?'
  '/var/lib/systemd(/.*)?|/etc/systemd(/.*)?'   # of the dependencies' services
  '/etc/(mtab|hosts|vconsole\.conf|default/locale)|/root/\.ssh|/var/(lib|cache)/private'  # systemd's
  '/var/lib/python.*'
  '/usr/lib/python3/dist-packages(/.*)?|/usr/lib/python3(\.[0-9]+)?(/.*)?|/etc/python3.*'
)

list_files ()
{
  find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /var/tmp -o -path "$test" -o -path /home \) \
    -prune -o -print | sort
}

list_packages () { dpkg-query -W -f '${Status} ${Package}\n' | sort; }

as_user ()
{
  runuser -u artist -- env -i HOME=/home/artist PATH=/usr/bin:/bin:/usr/games LANG=C.UTF-8 TERM=dumb "$@"
}

# Script-Fu in a GIMP as the user has it after the installation.
in_gimp ()
{
  (cd /home/artist && as_user timeout 900 gimp-console --no-interface --new-instance --console-messages \
    --batch-interpreter=plug-in-script-fu-eval --batch "$1" --quit) </dev/null
}

# A broken pipe is what plug-ins tell, GIMP's own too, whose results GIMP has before they are through.
no_complaint ()
{
  ! grep -i -E '(hidiffusion|hd-engine|hd-kernels).*(warning|critical|error|no such|not found)' "$1" |
    grep -v 'LibGimp.*-WARNING.*Broken pipe' || die "complaints in ${1##*/}"
}

rm -rf -- "$results"
mkdir -- "$results"
useradd --create-home artist
install -d -m 0777 "$results"
apt-get -qq update
list_packages >"$results/packages-before"
list_files >"$results/files-before"

# --- installing ------------------------------------------------------------------

SECONDS=0
apt-get -q -y install --no-install-recommends ./*.deb
say "${names[*]}: installed in $SECONDS s, with $(dpkg-query -W -f '.\n' | wc -l) packages in all"
for name in "${names[@]}"; do
  [ -z "$(dpkg --verify "$name")" ] || die "$name: files differ from the package's"
done

# --- GIMP ------------------------------------------------------------------------

SECONDS=0
in_gimp '
(if (not (defined? (quote plug-in-hidiffusion-generate))) (error "there is no procedure"))
(let* ((image (car (plug-in-hidiffusion-generate #:run-mode RUN-NONINTERACTIVE #:model "demo"
                     #:prompt "a red heart on a sky background" #:width 512 #:height 512 #:steps 25
                     #:guidance-scale 5 #:seed 3)))
       (layer (vector-ref (car (gimp-image-get-layers image)) 0))
       (heart (car (gimp-drawable-get-pixel layer 256 256)))
       (sky (car (gimp-drawable-get-pixel layer 8 8))))
  (gimp-file-save RUN-NONINTERACTIVE image "heart.png")
  (if (not (= (car (gimp-drawable-get-width layer)) 512)) (error "another width"))
  (if (not (> (car heart) (caddr heart))) (error "the heart is not red"))
  (if (not (< (car sky) (caddr sky))) (error "the sky is not blue")))' >"$results/picture.log" 2>&1 ||
  die "GIMP made no picture: $(tail -n 5 "$results/picture.log")"
cp /home/artist/heart.png "$results/gimp.png" || die 'GIMP wrote no file'
no_complaint "$results/picture.log"
say "GIMP made the demo picture, first start included, in $SECONDS s"

# --- the command -----------------------------------------------------------------

as_user hidiffusion generate --model demo --prompt 'a red heart on a sky background' --size 512x512 --steps 25 \
  --guidance 5 --seed 3 --output /home/artist/command.png || die 'the command made no picture'
cp /home/artist/command.png "$results/command.png"
[ "$(as_user hidiffusion --version)" = "hidiffusion $(dpkg-query -W -f '${Version}' hidiffusion)" ] ||
  die 'the command has another version than its package'
say 'the command made it, too'

# --- a GPU that is not there -------------------------------------------------------

if [[ " ${names[*]} " = *' hidiffusion-cuda '* ]]; then
  ! as_user hidiffusion generate --model demo --prompt 'a red star' --device cuda --output /home/artist/cuda.png \
    >"$results/cuda.log" 2>&1 || die 'there is a GPU, it seems'
  grep -q -i 'driver' "$results/cuda.log" || die "without a driver: $(tail -n 1 "$results/cuda.log")"
  say "the module for GPUs is there, and says without a driver: $(tail -n 1 "$results/cuda.log")"
fi

# --- the menu --------------------------------------------------------------------

apt-get -q -y install --no-install-recommends "${tools[@]}"
as_user timeout 600 python3 -B "$test/menu.py" "$results" >"$results/menu.log" 2>&1 ||
  die "the menu: $(tail -n 5 "$results/menu.log")"
no_complaint "$results/menu-gimp.log"
say "GIMP shows $(tail -n 1 "$results/menu.log")"

# --- removing --------------------------------------------------------------------

# Not purging: nothing is left even so.
apt-get -q -y remove "${names[@]}"
known=$(dpkg-query -W -f '${Package} ${Status}\n' "${names[@]}" 2>/dev/null | grep -v ' not-installed$' || :)
[ -z "$known" ] || die "dpkg still knows $known"
left=$(find / -xdev \( -path /proc -o -path /sys -o -path "$test" -o -path /home \) -prune -o \
  -iname '*hidiffusion*' -print)
[ -z "$left" ] || die "left after the removal: $left"
in_gimp "(if (defined? 'plug-in-hidiffusion-generate) (error \"the procedure is still there\"))" \
  >"$results/afterwards.log" 2>&1 || die "GIMP afterwards: $(tail -n 5 "$results/afterwards.log")"
no_complaint "$results/afterwards.log"
say 'removed: nothing of that name is left, and GIMP starts as before'

apt-get -q -y purge "${tools[@]}"
apt-get -q -y -o APT::AutoRemove::RecommendsImportant=false -o APT::AutoRemove::SuggestsImportant=false autoremove --purge
# systemd protects itself.
list_packages | comm -13 "$results/packages-before" - | sed 's/.* //' | xargs -r apt-get -q -y --allow-remove-essential purge
list_packages | diff "$results/packages-before" - || die 'other packages than before'
list_files >"$results/files-after"
pattern=$(IFS='|'; printf '%s' "${others[*]}")
comm -3 "$results/files-before" "$results/files-after" | sed 's/^\t//' | grep -v -x -E "$pattern" >"$results/differences" || :
[ ! -s "$results/differences" ] || die "files that were not there before, or are not any more: $(head -n 20 "$results/differences")"
say "the list of files is the one from before ($(wc -l <"$results/files-after") of them), but for caches and logs of other packages"
