# client.sh -- what bin/audit and bin/smoke share; sourced, not run.
#
# They work in the database that psql would connect to: PGHOST, PGPORT, PGDATABASE, PGUSER, PGSERVICE and so on,
# passwords from PGPASSFILE.  PSQL names another psql.  Nothing but psql is needed.
#
# The caller sets CN_PROGRAM, its own name for messages.
# shellcheck shell=bash

# Exit statuses: 0 all is well, 1 something is not, 2 it could not be found out.
CN_BAD=1
CN_UNKNOWN=2

CN_PSQL=("${PSQL:-psql}" -X -q -A -t -v ON_ERROR_STOP=1)
CN_TAB=$'\t'

# psql's exit status if a statement failed, the connection did not.
# shellcheck disable=SC2034
CN_SQL_ERROR=3

fail() {
	printf '%s: %s\n' "$CN_PROGRAM" "$*" >&2
	exit "$CN_UNKNOWN"
}

# find_connector -- sets CN_SCHEMA, quoted, to where the extension is.
find_connector() {
	CN_SCHEMA=$("${CN_PSQL[@]}" <<-'SQL'
		SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
		 WHERE e.extname = 'connector';
	SQL
	) || fail 'could not ask the database'
	[[ -n $CN_SCHEMA ]] || fail 'the extension connector is not in this database'
}

# ask [PSQL ARGUMENT...] -- runs the statements of standard input; columns of a row are parted by tabs.
# :connector in them is the extension's schema.
ask() {
	"${CN_PSQL[@]}" -F "$CN_TAB" -v connector="$CN_SCHEMA" "$@"
}
