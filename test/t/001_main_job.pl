# The main job, as bin/demo shows it: docs/demo/main-job.sql against bin/example-service.
use strict;
use warnings;
use ConnectorTest;
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;

my $root = dirname(__FILE__) . '/../..';
my $node = new_cluster('main_job', extension => 0);
my $log  = $node->basedir . '/service.log';
start_program($log, $^X, "$root/bin/example-service", '--port', 0);
ok(poll_until(sub { -e $log && slurp_file($log) =~ /listening/ }, 10), 'the example API starts');
my ($port) = slurp_file($log) =~ /127\.0\.0\.1:(\d+)/;

my $sql = slurp_file("$root/docs/demo/main-job.sql") =~ s/127\.0\.0\.1:8080\b/127.0.0.1:$port/gr;
my ($stdout, $stderr);
my $status = $node->psql('postgres', $sql, stdout => \$stdout, stderr => \$stderr, on_error_stop => 1);
is($status, 0, 'the main job runs') or diag($stderr);
is($stderr, '', 'without a warning');
like($stdout, qr/"carrier": "Example Wireless"/,             'the connector returns what the API knows');
like($stdout, qr/^failed\|not_found\|404\|/m,                'a failure is a row');
like($stdout, qr/^success\|\|\{"phone": "\+14155550123"\}/m, 'the execution is recorded');
like($stdout, qr/^enrich-phone\|2\|1\|1$/m,                  'and counted');
like($stdout, qr/"carrier": "Exemple Telecom", "employees": 12\}\|\{"name": "Barbara Liskov", "carrier": "unknown", "employees": null\}/,
	'a connector of several steps');
like($stdout, qr/^success\|[^\n]*\nfailed\|\|not_found\nsuccess\|[^\n]*Exemple Telecom/m, 'a batch, in order');
like($stdout, qr/^success\|[^\n]*Exemple Telecom[^\n]*\n.*^failed\|not_found\n/ms, 'a queued execution is waited for');
like($stdout, qr/^enrich-phone\|not_found\|[^\n]*\|1$/m, 'and one that fails is a dead letter');
like($stdout, qr/^GitHub\|10\|4\|\{oauth2,bearer\}\|stable$/m, 'the catalog is there');
like($stdout, qr/^demo-crm\nt\nAda Lovelace$/m, "a provider's action is called");
like($stdout, qr/^Ada Lovelace\|Analytical Engines\nGrace Hopper\|/m, 'and its stream fetched');
unlike(slurp_file($node->logfile) =~ s/^.*STATEMENT:.*|.*statement:.*//gmr,
	qr/could not|PANIC|FATAL/, 'the server has nothing to complain about');
done_testing();
