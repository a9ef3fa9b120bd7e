# setup.sh -- what bin/test and bin/demo share; sourced by them, never run.
#
# It installs the packages that are missing, decides which user runs servers, copies the checkout to where
# that user can work, builds and installs it there, and cleans up at exit.
#
# Two users matter.  The *run user* owns every server process and every file of a run: who called the
# script, or `postgres` when root did, because the server refuses to run as root.  Root, directly or through
# sudo, is used for two things only: installing packages and `make install`.
#
# The caller sets these first:
#   CN_REPO     the checkout, absolute
#   CN_PROGRAM  its own name for messages
# shellcheck shell=bash
# shellcheck disable=SC2034 # some variables are for the caller

CN_PG_MAJOR=15
CN_PG_BIN=/usr/lib/postgresql/$CN_PG_MAJOR/bin
CN_PGXS_SRC=/usr/lib/postgresql/$CN_PG_MAJOR/lib/pgxs/src

# Where our apt-get run finds out that no cluster and no web server are wanted.
CN_CREATECLUSTER_CONF=/etc/postgresql-common/createcluster.d/connector-setup.conf
CN_POLICY_RC=/usr/sbin/policy-rc.d
CN_POLICY_RC_OURS=
CN_CREATECLUSTER_OURS=

CN_PACKAGES_BUILD=(
	"postgresql-$CN_PG_MAJOR" "postgresql-server-dev-$CN_PG_MAJOR" "postgresql-$CN_PG_MAJOR-cron"
	libcurl4-openssl-dev libssl-dev libc6-dev gcc make pkg-config ca-certificates
)
CN_PACKAGES_TEST=(
	"postgresql-$CN_PG_MAJOR-pgtap" libtap-parser-sourcehandler-pgtap-perl
	perl libipc-run-perl nginx openssl procps
	libtest-json-schema-acceptance-perl # the JSON Schema Test Suite, as data
)

umask 022
export LC_ALL=C.UTF-8
# The caller's own connection settings must not lead us to another server.
for variable in "${!PG@}"; do
	case $variable in
	PG_TEST_*) ;;
	*) unset "$variable" ;;
	esac
done
unset variable MAKEFLAGS MAKELEVEL MFLAGS

say() { printf '%s\n' "$*"; }
warn() { printf '%s: %s\n' "$CN_PROGRAM" "$*" >&2; }
die() {
	warn "$@"
	exit 1
}

#
# Cleaning up.  Commands given to on_exit run at exit, the last one first, whatever ends the script.
#
CN_EXIT_COMMANDS=()

on_exit() { CN_EXIT_COMMANDS+=("$1"); }

run_exit_commands() {
	local status=$? i
	trap '' INT TERM HUP
	trap - ERR
	set +e
	stop_job
	for ((i = ${#CN_EXIT_COMMANDS[@]} - 1; i >= 0; i--)); do
		eval "${CN_EXIT_COMMANDS[i]}"
	done
	exit "$status"
}

trap run_exit_commands EXIT
trap 'warn "stopped by line $LINENO of ${BASH_SOURCE[0]}: $BASH_COMMAND"' ERR
trap 'trap - ERR; exit 129' HUP
trap 'trap - ERR; exit 130' INT
trap 'trap - ERR; exit 143' TERM

#
# Jobs.  Whatever takes long runs in the background, in a process group of its own: a signal then reaches
# this script at once, and stopping the job stops all that it started and that stayed in its group.
#
CN_JOB=
CN_JOB_PATIENT=

start_job() {
	set -m
	{
		trap - ERR # the caller looks at the status
		"$@"
	} &
	CN_JOB=$!
	set +m
}

finish_job() {
	local status=0
	wait "$CN_JOB" || status=$?
	CN_JOB=
	return "$status"
}

# Called at exit.  A package installation is waited for: stopped half-way it would need repair.
stop_job() {
	local try
	if [[ -z $CN_JOB ]]; then
		return 0
	fi
	if [[ -n $CN_JOB_PATIENT ]]; then
		warn 'waiting for the package installation to end'
	else
		kill -TERM -- "-$CN_JOB" 2>/dev/null
	fi
	wait "$CN_JOB" 2>/dev/null
	# The first process is gone; the others may take a moment.
	for ((try = 0; try < 50; try++)); do
		kill -0 -- "-$CN_JOB" 2>/dev/null || break
		sleep 0.1
	done
	CN_JOB=
}

# run_quietly WHAT LOG COMMAND... -- output goes to LOG; its end is shown when the command fails.
run_quietly() {
	local what=$1 log=$2 started=$SECONDS next=30 status=0
	shift 2
	start_job "$@" </dev/null >>"$log" 2>&1
	while [[ -d /proc/$CN_JOB ]]; do
		sleep 0.1
		if ((SECONDS - started >= next)); then
			say "  ... still $what ($((SECONDS - started)) s)"
			next=$((next + 30))
		fi
	done
	finish_job || status=$?
	if ((status != 0)); then
		warn "$what failed (exit status $status); the end of $log:"
		tail -n 40 "$log" | sed 's/^/  | /' >&2
	fi
	return "$status"
}

# run_shown LOG COMMAND... -- output is shown and kept in LOG.
run_shown() {
	local log=$1
	shift
	start_job show_and_keep "$log" "$@"
	finish_job
}

show_and_keep() {
	local log=$1
	shift
	"$@" </dev/null 2>&1 | tee -a "$log"
}

#
# Users.
#
if ((EUID == 0)); then
	CN_RUN_USER=postgres
else
	CN_RUN_USER=$(id -un)
fi

# as_root COMMAND... -- through sudo unless we are root.
as_root() {
	if ((EUID == 0)); then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo -- "$@"
	else
		die "this needs root: $*
Run it as root, or install sudo and allow $CN_RUN_USER to use it."
	fi
}

# as_user COMMAND... -- as the run user, in the current directory if that user can enter it.
as_user() {
	if ((EUID == 0)); then
		runuser -u "$CN_RUN_USER" -- env HOME="${CN_USER_HOME:-/tmp}" USER="$CN_RUN_USER" \
			LOGNAME="$CN_RUN_USER" "$@"
	else
		"$@"
	fi
}

# kill_as_user [-SIGNAL] PID -- with bash's own kill: the program is in a package that may not be there.
kill_as_user() {
	as_user bash -c 'kill "$@"' kill "$@"
}

#
# Packages.
#
package_installed() {
	[[ $(dpkg-query -W -f '${Status}' "$1" 2>/dev/null) == 'install ok installed' ]]
}

# missing_packages PACKAGE... -- prints those that are not installed, one a line.
missing_packages() {
	local package
	for package in "$@"; do
		# Any flavour of nginx will do, and one from elsewhere must not be replaced.
		if [[ $package == nginx && -x /usr/sbin/nginx ]]; then
			continue
		fi
		package_installed "$package" || printf '%s\n' "$package"
	done
}

# Packages start their services when installed.  Ours must not: a web server would take port 80, a cluster
# port 5432, and what already runs must not be restarted under its owner.  Both files are there only while
# apt-get runs.
forbid_services() {
	on_exit allow_services
	if [[ ! -e $CN_POLICY_RC ]]; then
		CN_POLICY_RC_OURS=1
		as_root tee "$CN_POLICY_RC" >/dev/null <<-'POLICY'
			#!/bin/sh
			# Written for one run of apt-get by connector's set-up and removed after it.
			case "$*" in
			*nginx* | *postgresql*) exit 101 ;;
			esac
			exit 0
		POLICY
		as_root chmod 755 "$CN_POLICY_RC"
	fi
	if ! package_installed "postgresql-$CN_PG_MAJOR" && [[ ! -e $CN_CREATECLUSTER_CONF ]]; then
		CN_CREATECLUSTER_OURS=1
		as_root mkdir -p "${CN_CREATECLUSTER_CONF%/*}"
		as_root tee "$CN_CREATECLUSTER_CONF" >/dev/null <<-'CONF'
			# Written for one run of apt-get by connector's set-up and removed after it.
			create_main_cluster = false
		CONF
	fi
}

allow_services() {
	if [[ -n $CN_POLICY_RC_OURS ]]; then
		as_root rm -f "$CN_POLICY_RC"
	fi
	if [[ -n $CN_CREATECLUSTER_OURS ]]; then
		as_root rm -f "$CN_CREATECLUSTER_CONF"
	fi
	CN_POLICY_RC_OURS=
	CN_CREATECLUSTER_OURS=
}

# install_packages PACKAGE... -- installs those that are missing.
install_packages() {
	local missing log installs_nginx=
	mapfile -t missing < <(missing_packages "$@")
	if ((${#missing[@]} == 0)); then
		return 0
	fi
	command -v apt-get >/dev/null || die "these packages are missing, and there is no apt-get: ${missing[*]}"
	log=$(mktemp "${TMPDIR:-/tmp}/connector-packages.XXXXXX.log")
	say "Installing ${#missing[@]} packages: ${missing[*]}"
	say "  (log: $log)"
	if ((EUID != 0)); then
		as_root true || die "cannot become root to install packages"
	fi
	if [[ " ${missing[*]} " == *' nginx '* ]]; then
		installs_nginx=1
	fi
	forbid_services
	CN_JOB_PATIENT=1
	run_quietly 'reading the package lists' "$log" as_root apt-get -q update ||
		warn "could not refresh the package lists; going on with those that are there"
	run_quietly 'installing packages' "$log" \
		as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -q -y \
		-o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
		install --no-install-recommends "${missing[@]}" ||
		die "could not install the packages"
	CN_JOB_PATIENT=
	allow_services
	# We want the program, not a service that takes port 80 at the next boot.
	if [[ -n $installs_nginx ]]; then
		as_root update-rc.d nginx disable >>"$log" 2>&1 || true
	fi
	mapfile -t missing < <(missing_packages "$@")
	((${#missing[@]} == 0)) || die "still missing after the installation: ${missing[*]} (log: $log)"
	rm -f "$log"
}

#
# The copy of the checkout.  Building in the checkout itself would leave files of another user in it, and
# the run user may not even be able to enter it (a checkout below /root, say).
#

# can_use DIRECTORY -- can the run user enter it?
can_use() {
	# shellcheck disable=SC2016 # $1 belongs to the inner shell
	as_user sh -c 'cd "$1"' sh "$1" 2>/dev/null
}

# make_stage PREFIX -- sets CN_STAGE to a new directory of the run user, without blanks in its path.
make_stage() {
	local parent=${TMPDIR:-/tmp}
	if [[ $parent == *[[:space:]]* ]] || ! can_use "$parent"; then
		parent=/tmp
	fi
	CN_STAGE=$(mktemp -d "$parent/$1.XXXXXX")
	if ((EUID == 0)); then
		chown "$CN_RUN_USER:" "$CN_STAGE"
		if ! can_use "$CN_STAGE"; then
			rmdir "$CN_STAGE"
			CN_STAGE=$(mktemp -d "/tmp/$1.XXXXXX")
			chown "$CN_RUN_USER:" "$CN_STAGE"
		fi
	fi
	CN_USER_HOME=$CN_STAGE
}

# copy_checkout DIRECTORY -- without the repository, earlier runs and what .gitignore names.
copy_checkout() {
	tar -C "$CN_REPO" --exclude-vcs --exclude-vcs-ignores --exclude=./.run -cf - . |
		as_user tar -C "$1" --no-same-owner -xf -
}

# build DIRECTORY LOG [MAKE ARGUMENT...] -- compiles the copy in DIRECTORY as the run user.
build() {
	local dir=$1 log=$2
	shift 2
	run_quietly 'building' "$log" as_user \
		make -C "$dir" -j2 PG_CONFIG="$CN_PG_BIN/pg_config" "$@"
}

# install_extension DIRECTORY LOG [MAKE ARGUMENT...] -- into the directories of the system's PostgreSQL.
install_extension() {
	local dir=$1 log=$2
	shift 2
	# Here, where a password can still be typed.
	as_root true || die 'cannot become root to install the extension'
	run_quietly 'installing the extension' "$log" as_root \
		make -C "$dir" PG_CONFIG="$CN_PG_BIN/pg_config" "$@" install
}

#
# Clusters.
#

# free_port [WANTED] -- prints WANTED if it is free on the loopback interface, else another port.
free_port() {
	perl -MIO::Socket::INET -e '
		for my $port (@ARGV, 0) {
			my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1",
				LocalPort => $port, ReuseAddr => 1) or next;
			print $socket->sockport, "\n";
			exit 0;
		}
		die "no free port\n";' "$@"
}

# random_hex BYTES
random_hex() { od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }

# write_private FILE -- standard input becomes a file that only the run user can read.
write_private() {
	# shellcheck disable=SC2016
	as_user sh -c 'umask 077; rm -f "$1"; cat > "$1"' sh "$1"
}

# init_cluster DATA [INITDB ARGUMENT...] -- with the superuser postgres, whoever runs it.
init_cluster() {
	local data=$1
	shift
	as_user "$CN_PG_BIN/initdb" -D "$data" -U postgres --encoding=UTF8 --locale=C.UTF-8 --no-sync "$@"
}

start_cluster() { # DATA LOG
	as_user "$CN_PG_BIN/pg_ctl" -D "$1" -l "$2" -w -t 120 -s start
}

# stop_cluster DATA -- nothing happens if it does not run.
stop_cluster() {
	if as_user "$CN_PG_BIN/pg_ctl" -D "$1" status >/dev/null 2>&1; then
		as_user "$CN_PG_BIN/pg_ctl" -D "$1" -m fast -w -t 60 -s stop ||
			as_user "$CN_PG_BIN/pg_ctl" -D "$1" -m immediate -w -s stop
	fi
}
