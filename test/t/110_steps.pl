# Connectors of several steps: what a step hands on to the next, conditions, failures that are passed over, groups
# that run at the same time, the credential of each step, what is recorded, limits, deadlines and cancels.
use strict;
use warnings;
use ConnectorSession;
use ConnectorTest;
use MockServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = MockServer->start;
my $url  = $mock->url;
my $node = new_cluster(
	'main',
	'connector.workers'         => 0, # nobody but the test folds statistics
	'connector.retry_delay'     => '1ms',
	'connector.retry_max_delay' => '1ms',
	'connector.connect_timeout' => '2s');
$node->safe_psql('app', q(SELECT connector_create_workspace('acme')));

my $s = ConnectorSession->new($node);

#
# Helpers.
#

# steps STEP... -- a definition of them.
sub steps { return { type => 'multi-step', steps => [@_] }; }

sub group { my ($id, @steps) = @_; return { id => $id, type => 'parallel', steps => [@steps] }; }

sub get { my ($id, $path, %more) = @_; return { id => $id, url => "$url$path", %more }; }

# problems DEFINITION -- what connector_check says, a problem a line.
sub problems
{
	my ($definition) = @_;
	return $s->ask("SELECT path || ': ' || problem FROM connector_check(" . $s->literal($definition) . ') ORDER BY 1');
}

sub still_works
{
	my ($after) = @_;
	my $row = $s->run(steps(get('a', '/ok'), group('g', get('b', '/barrier?n=2&name=works'), get('c', '/barrier?n=2&name=works'))));
	is(outcome($row) . ' ' . $s->ask('SELECT pg_backend_pid()'), 'success - a=success g=success b=success c=success ' . $s->pid, "$after: the session goes on");
	return;
}

#
# Definitions that are refused.
#
my %refused = (
	'a later step'             => [ steps(get('a', '/{{b.x}}'), get('b', '/ok')), qr/"b\.x" refers to a step that is not over by then/ ],
	'a step beside it'         => [ steps(group('g', get('a', '/ok'), get('b', '/{{a.x}}'))), qr/"a\.x" refers to a step that is not over by then/ ],
	'its own group'            => [ steps(group('g', get('a', '/{{g.x}}'))), qr/"g\.x" refers to a step that is not over by then/ ],
	'its group in a condition' => [ steps({ %{ group('g', get('a', '/ok')) }, condition => '{{a.x}} == 1' }), qr/"a\.x" refers to a step/ ],
	'the report of a later step' => [ steps(get('a', '/ok', condition => q({{steps.b.status}} == 'success')), get('b', '/ok')), qr/"steps\.b\.status" refers to a step/ ],
	'no field of a report'     => [ steps(get('a', '/ok'), get('b', '/{{steps.a.output}}')), qr/a step has status, http_status and error_code/ ],
	'nothing'                  => [ steps(get('a', '/ok'), get('b', '/{{c.x}}')), qr/"c\.x" refers to nothing/ ],
	'nothing in the result'    => [ { %{ steps(get('a', '/ok')) }, result => '{{b}}' }, qr/\$\.result: "b" refers to nothing/ ],
	'a secret in the result'   => [ { %{ steps(get('a', '/ok')) }, credential => 'api', result => '{{workspace.token}}' }, qr/"workspace\.token" cannot be used here/ ],
	'a secret in a condition'  => [ { %{ steps(get('a', '/ok', condition => '{{workspace.token}} == 1')) }, credential => 'api' }, qr/"workspace\.token" cannot be used here/ ],
	'two of one id'            => [ steps(get('a', '/ok'), get('a', '/ok')), qr/there is another step "a"/ ],
	'an id in a group and outside' => [ steps(get('a', '/ok'), group('g', get('a', '/ok'))), qr/there is another step "a"/ ],
	'an id of other things'    => [ steps(get('input', '/ok')), qr/"input" is what other references begin with/ ],
	'a group in a group'       => [ steps(group('g', group('h', get('a', '/ok')))), qr/a group cannot be in a group/ ],
	'an empty group'           => [ steps(group('g')), qr/there is no step in it/ ],
	'a condition that is none' => [ steps(get('a', '/ok', condition => '{{input.x}} ===')), qr/\$\.steps\[0\]\.condition: / ],
	'a path that is none'      => [ steps(get('a', '/ok', condition => '$.input ? (')), qr/not a SQL\/JSON path/ ],
	'a variable in a path'     => [ steps(get('a', '/ok', output => '$ ? (@.a == $x)', condition => '$.input.x == $x')), qr/condition: a path has no variables\n.*output: a path has no variables/ ]);
like(problems($refused{$_}[0]), $refused{$_}[1], "refused: $_") for sort keys %refused;

#
# Limits of a definition.
#
sub many { my ($n) = @_; return map { get("s$_", '/ok') } 1 .. $n; }
is(problems(steps(many(5))), '', 'five steps');
is(problems(steps(many(6))), '$.steps: 6 steps, more than connector.max_steps allows (5)', 'six are too many');
is(problems(steps(get('a', '/ok'), group('g', many(3)), get('b', '/ok'))), '', 'steps of groups count, groups do not');
like(problems(steps(get('a', '/ok'), group('g', many(3)), get('b', '/ok'), get('c', '/ok'))), qr/6 steps, more than/, 'one more is too many');
is(problems(steps(group('g', many(4)))), '$.steps[0].steps: 4 steps at the same time, more than connector.max_parallel_steps allows (3)', 'four at the same time are too many');
$s->ask(q(SET connector.max_steps = 2; SET connector.max_parallel_steps = 2));
like(problems(steps(group('g', many(3)))), qr/3 steps, more than connector\.max_steps allows \(2\)\n.*3 steps at the same time/, 'both, told at once');
like($s->ask('SELECT connector_test(' . $s->literal(steps(many(3))) . ')'), qr/22023.*\n.*3 steps, more than connector\.max_steps/, 'connector_test keeps to them');
$s->ask(q(RESET connector.max_steps; SET connector.allow_advanced_steps = on; SET connector.max_parallel_steps = 10));
is(problems(steps(group('g', many(10)))), '', 'ten at the same time, if allowed');
like(problems(steps(many(11))), qr/11 steps, more than connector\.max_steps allows \(10\)/, 'but never more than ten');
my $ten = $s->save(steps(group('g', map { get("s$_", '/barrier?n=10&name=ten') } 1 .. 10)));
$s->ask('RESET connector.allow_advanced_steps; RESET connector.max_parallel_steps');
is($s->run_saved($ten)->{status}, 'success', 'a definition that is saved runs under lower limits, too: ten requests at once');
is($mock->most_at_once, 10, 'as the server has seen');
$s->ask('SET connector.allow_advanced_steps = on');
$mock->forget;

#
# What a step hands on.
#
my $contact = '{"id": 42, "name": "Ada & Co/1", "price": 1.50, "big": 123456789012345678901234567890, "yes": true, "none": null, '
  . '"tags": ["a b", "c&d"], "address": {"city": "Z\u00fcrich"}, "odd key": "o", "quote": "\"\\\\\n", "empty": ""}';
$mock->reply('/contact', { body => $contact });
$mock->reply('/people/Ada%20%26%20Co%2F1/42', { json => { done => YES } });
my $row = $s->run(
	steps(
		get('contact', '/contact'),
		{   id      => 'update-1',
			method  => 'POST',
			url     => "$url/people/{{contact.name}}/{{contact.id}}?all={{contact.tags | join('+')}}",
			query   => { tag => '{{contact.tags}}', none => '{{contact.none}}', price => '{{contact.price}}' },
			headers => { 'X-Name' => '<{{contact.name}}>', 'X-City' => '{{contact.address.city}}' },
			body    => {
				id    => '{{contact.id}}',       price => '{{contact.price}}', big   => '{{contact.big}}',      yes  => '{{contact.yes}}',
				none  => '{{contact.none}}',     tags  => '{{contact.tags}}',  place => '{{contact.address}}',  odd  => '{{contact["odd key"]}}',
				quote => '{{contact.quote}}',    text  => 'no. {{contact.id}} "{{contact.quote}}"', '{{contact.id}}' => '{{contact.tags[1]}}',
				gone  => '{{contact.gone | default("-")}}' } },
		{ id => 'form', method => 'POST', url => "$url/echo", body_type => 'form', body => { tag => '{{contact.tags}}', was => '{{update-1.done}}' } }));
is(outcome($row), 'success - contact=success update-1=success form=success', 'three steps, each reading those before');
my ($post) = $mock->requests('/people/Ada%20%26%20Co%2F1/42');
is($post->{target}, '/people/Ada%20%26%20Co%2F1/42?all=a%20b%2Bc%26d&tag=a%20b&tag=c%26d&price=1.50', 'in path and query, each part escaped, an array repeated, null left out');
is($post->{headers}{'x-name'}, '<Ada & Co/1>', 'in a header');
is($post->{headers}{'x-city'}, "Z\xc3\xbcrich", 'in a header, as UTF-8');
is( $post->{body},
	'{"id":42,"big":123456789012345678901234567890,"odd":"o","yes":true,"gone":"-","none":null,"tags":["a b","c&d"],"text":"no. 42 \"\"\\\\\n\"",'
	  . qq("place":{"city":"Z\xc3\xbcrich"},"price":1.50,"quote":"\\"\\\\\\n","42":"c&d"}),
	'in a body, each with its JSON type');
is($row->{output}{body}, 'tag=a%20b&tag=c%26d&was=true', 'in a form; and the output is the last step\'s');
$mock->forget;

# Values are a remote's: they stay in their place.
my %hostile = (
	'a path segment'  => [ '/x/{{a.value}}/y', {}, '..', 'input_invalid' ],
	'an empty one'    => [ '/x/{{a.value}}/y', {}, '', 'input_invalid' ],
	'a header'        => [ '/ok', { headers => { 'X-A' => '{{a.value}}' } }, "x\r\nX-B: y", 'input_invalid' ]);
for my $name (sort keys %hostile)
{
	my ($path, $more, $value, $code) = @{ $hostile{$name} };
	$mock->reply('/value', { json => { value => $value } });
	$row = $s->run(steps(get('a', '/value'), get('b', $path, %$more)));
	is(outcome($row), "failed $code a=success b=failed", "$name cannot be broken out of");
	is($row->{steps}[1]{attempts}, 0, "$name: nothing was sent");
}
$row = $s->run(steps(get('a', '/value', output => '$.none'), { id => 'b', url => '{{a}}' }));
is(outcome($row), 'failed input_invalid a=success b=failed', 'a URL of null is none');
$mock->reply('/value', { json => { value => 'http://192.0.2.1/x' } });
$row = $s->run(steps(get('a', '/value'), { id => 'b', url => '{{a.value}}' }));
is(outcome($row), 'failed blocked_address a=success b=failed', 'a URL that a reply gives is checked like any other');

#
# Outputs.
#
$row = $s->run(
	{   %{  steps(
				get('a', '/contact', output => '$.tags[*]'),
				get('b', '/contact', output => { city => '$.address.city', none => 'nothing.at.all', ids => '$.id' }),
				group('g', get('c', '/contact', output => 'id'), get('d', '/ok')),
				get('e', '/echo?a={{a[1]}}&city={{b.city}}&c={{c}}&d={{g.d.ok}}', output => 'target')) },
		result => { a => '{{a}}', b => '{{b}}', g => '{{g}}', text => '{{a | length}} of {{g.c}}', e => '{{e}}', id => '{{execution.id}}', in => '{{input.x}}', fixed => [ 1, undef ] } },
	{ x => [1] });
is( json_text($row->{output}),
	json_text({
			a => [ 'a b', 'c&d' ], b => { city => "Z\x{fc}rich", none => undef, ids => 42 }, g => { c => 42, d => { ok => YES } }, text => '2 of 42',
			e => '/echo?a=c%26d&city=Z%C3%BCrich&c=42&d=true', id => $row->{execution_id}, in => [1], fixed => [ 1, undef ] }),
	'outputs by path, by several, of a group, and shaped by the result');
is(json_text($s->run(steps(get('a', '/ok'), group('g', get('b', '/contact', output => 'id'), get('c', '/contact', output => 'nothing'))))->{output}),
	'{"b":42,"c":null}', 'a group that is last gives its steps\' outputs by id');
is(json_text($s->run({ url => "$url/contact", result => { n => '{{step_1.id}}' } })->{output}), '{"n":42}', 'a single step can be shaped, too');
is(json_text($s->run({ %{ steps(get('a', '/ok')) }, result => undef })->{output}), 'null', 'a result of null is one');

# A date beside a moment: an error that the server does not suppress, unless it may use the time zone.
$mock->reply('/day', { json => { day => '2020-01-01', n => 1 } });
$s->ask(q(SET timezone = 'UTC'));
my $early = '@.day.datetime() < "2020-01-02T00:00:00+00:00".datetime()';
is(json_text($s->run({ url => "$url/day", output => "\$ ? ($early).n" })->{output}), '[1]', 'a path that compares dates');
is(outcome($s->run(steps(get('a', '/day'), get('b', '/ok', condition => '$.a' . substr $early, 1)))), 'success - a=success b=success', 'so may a condition');
is(outcome($s->run({ url => "$url/day", error_rules => [ { path => "\$ ? ($early)", code => 'conflict' } ] })), 'failed conflict step_1=failed', 'and a rule');

# Reports.
my $reported = $s->run(
	{   %{ steps(
				get('ok', '/ok'), get('bad', '/status/503', continue_on_error => YES), get('not', '/ok', condition => 'input.x == 1'),
				get('late', '/hang', timeout_ms => 1000, continue_on_error => YES),
				get('gone', '/status/404', error_rules => [ { status => 404, action => 'ignore' } ])) },
		result => { map { $_ => [ "{{steps.$_.status}}", "{{steps.$_.http_status}}", "{{steps.$_.error_code}}" ] } qw(ok bad not late gone) } });
is( json_text($reported->{output}),
	json_text({
			ok => [ 'success', 200, undef ], bad => [ 'failed', 503, 'server_error' ], not => [ 'skipped', undef, undef ],
			late => [ 'timeout', undef, 'timeout' ], gone => [ 'success', 404, undef ] }),
	'steps.<id> has status, HTTP status and code of each');

# A result that cannot be made.
$row = $s->run({ %{ steps(get('a', '/ok'), get('b', '/ok', condition => 'input.x')) }, result => { x => { y => '{{b.ok}}' } } });
is(outcome($row), 'failed input_invalid a=success b=skipped', 'a result that refers to a skipped step fails');
is($row->{error_message}, '$.result.x.y: b.ok is missing: step "b" was skipped', 'and says where');
is($row->{output}, undef, 'without an output');
is($s->ask("SELECT current_step IS NULL, output_data IS NULL FROM connector_executions WHERE id = '$row->{execution_id}'"), 't|t', 'no step is to blame');
like($s->raised({ %{ steps(get('a', '/ok'), get('b', '/ok', condition => 'input.x')) }, result => { x => { y => '{{b.ok}}' } } }),
	qr/NC018: connector "c\d+": \$\.result\.x\.y: b\.ok is missing: step "b" was skipped\nDETAIL:  Code input_invalid\.\nHINT:  An earlier step gave no such value/, 'connector_execute says the same');
is(json_text($s->run({ %{ steps(get('a', '/ok', condition => 'input.x')) }, result => '{{a.ok | default("none")}}' })->{output}), '"none"', 'unless there is a default');

#
# Conditions.
#
$mock->reply('/company', { json => { companyId => 'c-1', n => 0, list => [], name => '' } });
my @conditions = (
	# the documents' form
	[ '{{step_2.companyId}} !== null', 1 ], [ '{{step_2.companyId}} === null', 0 ], [ '{{step_2.missing}} !== null', 0 ], [ '{{step_2.missing}} === null', 1 ],
	[ q({{step_2.companyId}} === 'c-1' && {{input.go}} == true), 1 ], [ '{{step_2.n}}', 0 ], [ '!{{step_2.n}}', 1 ], [ '{{step_2.name | default("x")}}', 0 ],
	[ '{{step_2.list}}.length > 0', 0 ], [ q({{step_2.companyId}} matches '^c-[0-9]$'), 1 ], [ '{{step_2.missing.deeper[3]}} == 1', 0 ],
	# reports, the skipped step
	[ q({{steps.step_2.http_status}} == 200), 1 ], [ q({{steps.skipped.status}} == 'skipped'), 1 ], [ '{{skipped.anything}} == null', 1 ], [ '{{skipped}}', 0 ],
	[ q({{steps.failed.error_code}} == 'server_error'), 1 ], [ '{{failed}} != null', 0 ],
	# switched off and on
	[ { enabled => NO, expression => '{{input.go}} == 17' }, 1 ], [ { enabled => NO }, 1 ],
	[ { enabled => YES, expression => '{{input.go}} == 17' }, 0 ], [ { expression => '{{input.go}}' }, 1 ],
	# SQL/JSON paths
	[ '$.step_2.companyId == "c-1"', 1 ], [ '$.step_2.companyId == "c-2"', 0 ], [ '$.steps.skipped.status == "skipped"', 1 ], [ '$.input.go', 1 ], [ '$.nothing.at.all', 0 ],
	[ 'exists($.step_2.list[*])', 0 ], [ 'strict $.nothing == 1', 0 ], [ '$.skipped.x == null', 0 ]);
my $number = 0;
for my $case (@conditions)
{
	my ($condition, $holds) = @$case;
	$row = $s->run(
		steps(
			get('skipped', '/ok', condition => 'input.nothing'), get('step_2', '/company'), get('failed', '/status/503', continue_on_error => YES),
			get('last', '/ok', condition => $condition)),
		{ go => YES });
	is($row->{steps}[3]{status}, $holds ? 'success' : 'skipped', 'condition: ' . json_text($condition));
	is($row->{status}, 'success', 'a step that is skipped is no failure') if !$number++;
}
$row = $s->run(steps(get('a', '/ok'), get('b', '/ok', condition => q({{input.n | round(2)}} > 1))), { n => 'x' });
is(outcome($row), 'failed input_invalid a=success b=failed', 'a condition that cannot be told fails its step');
like($row->{error_message}, qr/\A\$\.steps\[1\]\.condition: .* \(at byte \d+\)\z/, 'and says where');
is(outcome($s->run(steps(get('a', '/ok'), get('b', '/ok', condition => q({{input.n | round(2)}} > 1), continue_on_error => YES)), { n => 'x' })),
	'success - a=success b=failed', 'which can be passed over');

# Of groups, and of steps in them.
$mock->forget;
$row = $s->run({
		%{ steps({ %{ group('g', get('a', '/never'), get('b', '/never')) }, condition => 'input.x' }, get('c', '/ok', condition => '{{g}} == null && {{a}} == null')) },
		result => '{{steps.g.status}}/{{steps.a.status}}/{{steps.c.status}}' });
is(outcome($row), 'success - g=skipped a=skipped b=skipped c=success', 'a group that is skipped is skipped whole');
is($row->{output}, 'skipped/skipped/success', 'as its report says');
is(scalar $mock->requests('/never'), 0, 'and sends nothing');
$row = $s->run(steps(group('g', get('a', '/ok', condition => 'input.x'), get('b', '/contact', output => 'id'))));
is(outcome($row) . json_text($row->{output}), 'success - g=success a=skipped b=success{"b":42}', 'a step of a group can be skipped alone');
$row = $s->run(steps(get('a', '/ok', condition => 'input.x')));
is(outcome($row) . json_text($row->{output}), 'success - a=skippednull', 'when all is skipped the output is null');
$row = $s->run(steps({ %{ group('g', get('a', '/never')) }, condition => q({{input.n | round}} > 1) }), { n => 'x' });
is(outcome($row), 'failed input_invalid g=failed', 'a group whose condition cannot be told fails, and its steps are not reached');

#
# Failures that are passed over.
#
$row = $s->run(steps(get('a', '/ok'), get('b', '/status/503'), get('c', '/never')));
is(outcome($row), 'failed server_error a=success b=failed', 'a failure ends the execution');
is("$row->{http_status} $row->{error_message}", '503 the remote answered with HTTP status 503', 'and is its failure');
is($s->ask("SELECT current_step, status, http_status FROM connector_executions WHERE id = '$row->{execution_id}'"), 'b|failed|503', 'the step is recorded');
like($s->raised(steps(get('a', '/ok'), get('b', '/status/503'), get('c', '/never'))), qr/NC011: connector "c\d+": the remote answered with HTTP status 503\nDETAIL:  Code server_error, step "b", HTTP status 503\./, 'and named in the error');
$row = $s->run(steps(get('a', '/status/503', continue_on_error => YES), get('b', '/echo?a={{a.x | default("none")}}', output => 'target')));
is(outcome($row) . " $row->{output}", 'success - a=failed b=success /echo?a=none', 'continue_on_error of a step');
$row = $s->run(steps(get('a', '/status/503', continue_on_error => YES), get('b', '/echo?a={{a.x}}')));
is(outcome($row), 'failed input_invalid a=failed b=failed', 'a step that failed has no output, which is missed');
is($row->{error_message}, '$.steps[1].url: a.x is missing: step "a" failed', 'and named');
$row = $s->run(steps(get('a', '/status/503', continue_on_error => YES)));
is(outcome($row) . json_text($row->{output}), 'success - a=failednull', 'a last step that is passed over gives null');
is($row->{http_status}, 503, 'and its HTTP status');
$row = $s->run({ %{ steps(get('a', '/status/503'), get('b', '/ok')) }, continue_on_error => YES });
is(outcome($row), 'success - a=failed b=success', 'continue_on_error of the definition');
$row = $s->run({ %{ steps(get('a', '/status/503', continue_on_error => NO), get('b', '/ok')) }, continue_on_error => YES });
is(outcome($row), 'failed server_error a=failed', 'which a step may overrule');
$row = $s->run(steps(get('a', '/status/503'), get('b', '/ok')), {}, continue_on_error => 'true');
is(outcome($row), 'success - a=failed b=success', 'continue_on_error of the connector');
$row = $s->run(steps(get('a', '/status/503', continueOnError => NO), get('b', '/ok')), {}, continue_on_error => 'true');
is(outcome($row), 'failed server_error a=failed', 'which a step may overrule');
$row = $s->run({ %{ steps(get('a', '/status/503'), get('b', '/ok')) }, continue_on_error => NO }, {}, continue_on_error => 'true');
is(outcome($row), 'failed server_error a=failed', 'and the definition, too');
is(outcome($s->run({ url => "$url/status/503" }, {}, continue_on_error => 'true')), 'success - step_1=failed', 'of a single step, too');
is(outcome($s->run({ url => "$url/status/503", continue_on_error => NO }, {}, continue_on_error => 'true')), 'failed server_error step_1=failed', 'unless it says no');

# In groups: all steps finish, whatever becomes of one.
$mock->forget;
$row = $s->run(steps(group('g', get('bad', '/gate?status=503&opens=failed'), get('good', '/gate?after=failed')), get('c', '/never')));
is(outcome($row), 'failed server_error g=failed bad=failed good=success', 'a failing step lets those beside it finish');
is($s->ask("SELECT current_step FROM connector_executions WHERE id = '$row->{execution_id}'"), 'bad', 'and is the one that is recorded');
is(scalar $mock->requests('/never'), 0, 'before the execution ends');
$row = $s->run(steps(group('g', get('a', '/ok'), get('b', '/status/404'), get('c', '/status/503'))));
is(outcome($row), 'failed not_found g=failed a=success b=failed c=failed', 'of two failures the first in the definition counts');
$row = $s->run(steps({ %{ group('g', get('a', '/contact', output => 'id'), get('b', '/status/404')) }, continue_on_error => YES }));
is(outcome($row) . json_text($row->{output}), 'success - g=success a=success b=failed{"a":42}', 'continue_on_error of a group');
$row = $s->run(steps({ %{ group('g', get('a', '/ok'), get('b', '/status/404', continue_on_error => NO)) }, continue_on_error => YES }, get('c', '/ok')));
is(outcome($row), 'failed not_found g=failed a=success b=failed', 'which a step of it may overrule');
$row = $s->run(steps(group('g', get('a', '/ok'), get('b', '/status/404', continue_on_error => YES)), get('c', '/ok')));
is(outcome($row), 'success - g=success a=success b=failed c=success', 'or claim for itself');
$row = $s->run(steps(group('g', get('a', '/ok'), get('b', '/status/404')), get('c', '/ok')), {}, continue_on_error => 'true');
is(outcome($row), 'success - g=success a=success b=failed c=success', 'the connector\'s holds in a group, too');
$row = $s->run(steps({ %{ group('g', get('a', '/ok'), get('b', '/status/404')) }, continue_on_error => NO }, get('c', '/ok')), {}, continue_on_error => 'true');
is(outcome($row), 'failed not_found g=failed a=success b=failed', 'and a group may overrule it');

# What cannot even be sent ends the group before anything is.
$mock->forget;
$row = $s->run(steps(group('g', get('a', '/{{input.nothing}}'), get('b', '/ok'))));
is(outcome($row), 'failed input_invalid g=failed a=failed b=cancelled', 'a step that cannot be made keeps those beside it from being sent');
$row = $s->run(steps(group('g', get('a', '/{{input.nothing}}'), get('b', '/{{input.nothing}}'))));
is(outcome($row), 'failed input_invalid g=failed a=failed b=failed', 'even if none can');

#
# At the same time.
#
$mock->forget;
$row = $s->run(steps(group('g', map { get($_, '/barrier?n=3&name=three') } qw(x y z)), group('h', map { get($_, '/barrier?n=2&name=two') } qw(v w))));
is(outcome($row), 'success - g=success x=success y=success z=success h=success v=success w=success', 'steps of a group are under way at the same time');
is($mock->most_at_once, 3, 'and those behind it are not');
$row = $s->run(steps(get('a', '/barrier?n=1&name=one'), get('b', '/barrier?n=1&name=one')));
is(outcome($row), 'success - a=success b=success', 'steps in a row');
$mock->forget;
$s->run(steps(get('a', '/slow?ms=50'), get('b', '/slow?ms=50'), get('c', '/slow?ms=50')));
is($mock->most_at_once, 1, 'come one after the other');

#
# Credentials.
#
my %secret = (one => 'the-first-secret-value', two => 'the-second-secret-value');
my $other  = MockServer->start;
$s->ask("SELECT connector_credential_set('one', '{\"token\": \"$secret{one}\"}', 'bearer', allowed_hosts => ARRAY['$url']), "
	  . "connector_credential_set('two', '{\"api_key\": \"$secret{two}\"}', allowed_hosts => ARRAY['$url']), "
	  . "connector_credential_set('two', '{\"api_key\": \"a-third-secret-value\"}', label => 'spare', allowed_hosts => ARRAY['$url'])");
$mock->forget;
$row = $s->run({
		%{ steps(
				get('first', '/echo?n=1'), get('second', '/echo?n=2', credential => 'two'),
				group('g', get('third', '/echo?n=3&key={{workspace.token}}'), get('fourth', '/echo?n=4', credential => { service => 'two', label => 'spare' })),
				get('sixth', '/echo?n=6', credential => undef),
				{ id => 'fifth', method => 'POST', url => "$url/echo?n=5", credential => 'two', body => { key => '{{workspace.api_key}}', before => '{{first}}' } }) },
		credential => 'one' });
is(outcome($row), 'success - first=success second=success g=success third=success fourth=success sixth=success fifth=success', 'each step has its credential');
my %sent = map { $_->{target} =~ /n=(\d)/ ? ($1 => $_) : () } $mock->requests('/echo');
my @holds = map { my $n = $_; join '+', grep { index($sent{$n}{raw}, { %secret, spare => 'a-third-secret-value' }->{$_}) >= 0 } qw(one two spare) } 1 .. 6;
is(join(',', @holds), 'one,two,one,spare,two,', 'and sends no other, or none');
is($sent{1}{headers}{authorization}, "Bearer $secret{one}", 'the definition\'s');
is($sent{2}{headers}{authorization}, undef, 'or instead of it its own');
is($sent{5}{headers}{'x-api-key'}, $secret{two}, 'in its own way');
like($sent{5}{body}, qr/"key":"the-second-secret-value"/, 'also where a template asks for it');
like($sent{5}{body}, qr/"authorization":"\[redacted\]"|"authorization":"Bearer \[redacted\]"/, 'what an earlier step gave had its secret blanked');
my $all = json_text($row) . $s->ask("SELECT e::text FROM connector_executions e WHERE id = '$row->{execution_id}'");
unlike($all, qr/secret-value/, 'none of them is in the outcome or the history');
my $kept = $s->recorded_steps($row);
is($kept->{second}{response}{headers}{'x-api-key'}, '[redacted]', 'a reply that holds the secret of its step is blanked');
is(json_text($kept->{fifth}{request}{key}), '"[redacted]"', 'and so is the request');
is(json_text($row->{output}{headers}{'x-api-key'}), '"[redacted]"', 'and the output');

# A remote may tell one step what another has sent, in words of its own.
$mock->reply('/told', { json => { said => "it was $secret{one}", list => [ $secret{two} ] } });
$mock->reply('/escaped', { body => '{"said":"' . join('', map { sprintf '\\u%04x', ord } split //, $secret{one}) . '"}' });
$mock->reply('/refused', { status => 403, json => { message => "not with $secret{one}" } });
my @told = (get('a', '/ok', credential => 'one'), get('b', '/told', credential => 'two'));
$row = $s->run({ %{ steps(@told, get('c', '/escaped')) }, result => [ '{{b}}', '{{c}}' ] });
is(json_text($row->{output}), '[{"list":["[redacted]"],"said":"it was [redacted]"},{"said":"[redacted]"}]', 'the secrets of earlier steps are blanked, too');
$row = $s->run(steps(@told, get('c', '/refused')));
is($row->{error_message}, 'the remote answered with HTTP status 403: not with [redacted]', 'also in messages');
unlike(json_text($s->recorded_steps($row)), qr/secret-value/, 'and the history');

# Where a reply says where to go, the credential does not follow.
$mock->reply('/next', { json => { next => $other->url . '/echo', here => "$url/echo" } });
$row = $s->run({ %{ steps(get('a', '/next'), { id => 'b', url => '{{a.next}}' }) }, credential => 'one' });
is(outcome($row), 'failed permission_denied a=success b=failed', 'a credential goes to no host that a reply has named');
is(scalar $other->requests, 0, 'nothing was sent there');
$row = $s->run(steps(get('a', '/next', credential => 'one'), { id => 'b', url => '{{a.next}}' }));
is(outcome($row), 'success - a=success b=success', 'a step without one may go');
is(($other->requests('/echo'))[0]{headers}{authorization}, undef, 'without one');

# Missing ones.
$row = $s->run(steps(get('a', '/ok', credential => 'one'), get('b', '/ok', credential => 'no-such', condition => 'input.x'), get('c', '/ok')));
is(outcome($row), 'success - a=success b=skipped c=success', 'a missing credential of a skipped step does not matter');
$mock->forget;
$row = $s->run(steps(get('a', '/ok', credential => 'one'), get('b', '/never', credential => 'no-such/label'), get('c', '/never')));
is(outcome($row), 'failed credential_missing a=success b=failed', 'of a step that is reached it does');
is($row->{error_message}, 'there is no credential "no-such/label"', 'and is named');
is(scalar $mock->requests('/never'), 0, 'nothing was sent without it');
is(outcome($s->run(steps(get('a', '/ok', credential => 'no-such', continue_on_error => YES), get('b', '/ok')))), 'success - a=failed b=success', 'which can be passed over');
is(outcome($s->run(steps(group('g', get('a', '/ok', credential => 'no-such'), get('b', '/ok', credential => 'one'))))), 'failed credential_missing g=failed a=failed b=cancelled', 'in a group it is a failure like any other');
is($s->ask(q(SELECT string_agg(service_name || '/' || label, ',' ORDER BY service_name, label) FROM workspace_api_credentials WHERE last_used_at IS NOT NULL)), '', 'uses are not folded yet');
$s->ask('SELECT connector_maintain()');
is($s->ask(q(SELECT string_agg(service_name || '/' || label, ',' ORDER BY service_name, label) FROM workspace_api_credentials WHERE last_used_at IS NOT NULL)), 'one/default,two/default,two/spare', 'each credential that was sent is marked as used');

#
# What is recorded.
#
$mock->reply('/large', { json => { data => 'x' x 70_000 } });
$mock->reply('/told', { json => { password => 'p-1', kept => 1 } });
my $recorded = steps(
	{ id => 'a', name => 'The first', method => 'POST', url => "$url/echo?q=1", body => { n => '{{input.n | default(0)}}', token => 'in the clear' }, output => '$.method' },
	group('g', get('b', '/told'), get('big', '/large', output => '$.data.type()')),
	get('not', '/ok', condition => 'input.x'),
	get('bad', '/status/503', retries => 2, continue_on_error => YES),
	{ id => 'last', method => 'DELETE', url => "$url/echo" });
my $name = $s->save($recorded);
$row  = $s->run_saved($name, { n => 1.50 });
$kept = $s->recorded_steps($row);
is(join(' ', map { $_->{id} } @{ $row->{steps} }), 'a g b big not bad last', 'steps in the order of the definition, groups before theirs');
is_deeply([ sort keys %{ $kept->{a} } ], [qw(attempts duration_ms http_status id method name request request_bytes response response_bytes started_ms status url)], 'a step has these');
is_deeply([ @{ $kept->{a} }{qw(name method url attempts http_status status)} ], [ 'The first', 'POST', "$url/echo", 1, 200, 'success' ], 'with what it did; a query string is not kept');
is(json_text($kept->{a}{request}), '{"n":1.5,"token":"[redacted]"}', 'the body it sent, redacted');
is($kept->{a}{request_bytes}, length '{"n":1.5,"token":"in the clear"}', 'its length');
is($kept->{a}{response}{method}, 'POST', 'the reply before its output was picked');
is_deeply([ sort keys %{ $kept->{g} } ], [qw(duration_ms id started_ms status)], 'a group has these');
is("$kept->{b}{group} $kept->{big}{group}", 'g g', 'its steps say whose they are');
is(json_text($kept->{b}{response}), '{"kept":1,"password":"[redacted]"}', 'a reply is redacted by names');
is($kept->{big}{response}{_truncated}, YES, 'a large one leaves a marker');
is_deeply($kept->{not}, { id => 'not', status => 'skipped' }, 'a step that was skipped says so');
is_deeply([ @{ $kept->{bad} }{qw(attempts status error_code http_status error_message)} ],
	[ 3, 'failed', 'server_error', 503, 'the remote answered with HTTP status 503' ], 'one that failed has its attempts and its failure');
is(json_text($kept->{bad}{response}), '{"status":503}', 'and the reply');
is($kept->{last}{response}, undef, 'the reply that is the output is not kept twice');
is($kept->{last}{request}, undef, 'a request without a body has none');
my @times = map { $kept->{$_} } qw(a g bad last);
my $rounding = 0.003;
my $end      = sub { my ($step) = @_; return $step->{started_ms} + $step->{duration_ms} - $rounding; };
ok(!(grep { $end->($times[ $_ - 1 ]) > $times[$_]{started_ms} } 1 .. 3), 'a step starts when the one before is over');
ok(!(grep { $_->{started_ms} < $kept->{g}{started_ms} || $end->($_) > $end->($kept->{g}) + $rounding } @{$kept}{qw(b big)}), 'a group lasts as long as its steps');
cmp_ok($row->{execution_time_ms}, '>=', $end->($times[3]), 'and the execution as long as all');
ok(!(grep { exists $_->{request} || exists $_->{response} } @{ $row->{steps} }), 'connector_result has the steps without payloads');
is($s->ask("SELECT total_executions FROM connector_stats('$name')"), 1, 'an execution counts once, whatever its steps');

$s->ask("UPDATE connectors SET log_response_data = false WHERE name = '$name'");
$kept = $s->recorded_steps($s->run_saved($name, { n => 1 }));
ok(!(grep { exists $_->{request} || exists $_->{response} } values %$kept), 'log_response_data false: no payload of any step');
is("$kept->{bad}{attempts} $kept->{a}{request_bytes}", '3 30', 'but all the rest');

#
# connector_test.
#
my @tested = $s->rows('SELECT to_jsonb(t) FROM connector_test(' . $s->literal({ %$recorded, result => { m => '{{a}}' } }) . ') t');
is(join(' ', map { "$_->{step}=$_->{status}" } @tested), 'a=success g=success b=success big=success not=skipped bad=failed last=success result=success', 'a row for each, and one for the result');
my %tested = map { $_->{step} => $_ } @tested;
is($tested{a}{request}{url}, "$url/echo?q=1", 'with the whole URL');
is($tested{a}{request}{headers}{'Content-Type'}, 'application/json', 'and the headers');
is(json_text($tested{a}{output}), '"POST"', 'and its output');
is($tested{a}{response}{method}, 'POST', 'and the reply it was picked from');
is(json_text($tested{g}{output}), '{"b":{"kept":1,"password":"p-1"},"big":"string"}', 'a group\'s row has its steps\' by their ids');
is(json_text($tested{result}{output}), '{"m":"POST"}', 'the result\'s row has the output');
is_deeply([ @{ $tested{bad} }{qw(error_code http_status)} ], [ 'server_error', 503 ], 'a failure is told');
is_deeply([ @{ $tested{not} }{qw(request response output)} ], [ undef, undef, undef ], 'what was skipped has nothing');
my $tested = $s->ask('SELECT string_agg(step || \'=\' || status || coalesce(\':\' || error_code, \'\'), \' \') FROM connector_test(' . $s->literal(steps(get('a', '/ok'), get('b', '/status/404'), get('c', '/ok'))) . ')');
is($tested, 'a=success b=failed:not_found result=failed:not_found', 'steps that were not reached have no row');
is($s->ask(q(SELECT count(*) FROM connector_executions WHERE connector_name = '(test)')), 0, 'nothing is recorded');

#
# Other spellings.
#
$row = $s->run({
		type => 'multi', rateLimiting => { enabled => YES, maxRequestsPerMinute => 60, strategy => 'queue' }, deadlineMs => 30_000, timeoutMs => 5000, maxRetries => 1,
		continueOnError => NO, errorRules => [ { status => 418, action => 'ignore' } ],
		steps => [
			{ url => "$url/status/503", continueOnError => YES },
			{ url => "$url/status/418" },
			{ type => 'parallel', continueOnError => YES, steps => [ { type => 'request', url => "$url/ok" }, { type => 'http', url => "$url/status/500", maxRetries => 0, timeoutMs => 1000 } ] },
			{ method => 'post', url => "$url/echo", bodyType => 'form', body => { a => '{{step_3.step_3_1.ok}}' }, idempotencyHeader => 'X-Key', errorRules => [] } ] });
is(outcome($row), 'success - step_1=failed step_2=success step_3=success step_3_1=success step_3_2=failed step_4=success', 'camelCase does the same, and steps without ids have numbers');
is("$row->{steps}[0]{attempts} $row->{steps}[4]{attempts} $row->{output}{body}", '2 1 a=true', 'as its values tell');
like($row->{output}{headers}{'x-key'}, qr/\A$row->{execution_id}:step_4\z/, 'and its header');

#
# Too much.
#
$s->ask(q(SET connector.max_request_size = '100kB'));
$mock->reply('/much', { json => { data => 'y' x 60_000 } });
$row = $s->run(steps(get('a', '/much'), { id => 'b', method => 'POST', url => "$url/never", body => { map { $_ => '{{a.data}}' } 1 .. 200 } }));
is(outcome($row), 'failed limit_exceeded a=success b=failed', 'a body that explodes');
$row = $s->run(steps(get('a', '/much'), { id => 'b', method => 'POST', url => "$url/never", body_type => 'text', body => '{{a.data | replace("y", a.data)}}' }));
is(outcome($row), 'failed limit_exceeded a=success b=failed', 'a filter that explodes');
$row = $s->run(steps(get('a', '/much'), get('b', '/never', condition => q({{a.data | replace("y", a.data)}} == 'x'))));
is(outcome($row), 'failed limit_exceeded a=success b=failed', 'a condition that explodes');
$row = $s->run(steps(get('a', '/much'), get('b', '/never?q={{a.data}}{{a.data}}')));
is(outcome($row), 'failed limit_exceeded a=success b=failed', 'a URL that explodes');
$row = $s->run({ %{ steps(get('a', '/much')) }, result => [ ('{{a}}') x 200 ] });
is(outcome($row), 'failed limit_exceeded a=success', 'a result that explodes');
like($row->{error_message}, qr/\A\$\.result\[1\]: /, 'it says where');
is($s->run({ %{ steps(get('a', '/much')) }, result => ['{{a}}'] })->{status}, 'success', 'one that does not');
is(scalar $mock->requests('/never'), 0, 'nothing of it was sent');
$s->ask('RESET connector.max_request_size');
still_works('after too much');

#
# Replies that are no use, in the midst of others.
#
$mock->reply('/surrogate', { body => '{"a":"\ud800"}' });
$mock->reply('/nan',       { body => '{"a":NaN}' });
$mock->reply('/charset',   { body => qq({"a":"caf\xe9"}), headers => [ 'Content-Type' => 'application/json; charset=iso-8859-1' ] });
$mock->reply('/utf16',     { body => "{\0\"\0a\0\"\0:\0001\0}\0", headers => [ 'Content-Type' => 'application/json; charset=utf-16le' ] });
$mock->reply('/duplicate', { body => '{"a":1,"a":{"b":2}}' });
for my $path (qw(brackets surrogate nan nul bad-utf8 charset utf16 truncated-json not-json-typed))
{
	$row = $s->run(steps(group('g', get('a', '/ok'), get('bad', "/$path"), get('b', '/ok')), get('c', '/never')));
	is(outcome($row), 'failed bad_response g=failed a=success bad=failed b=success', "/$path in a group");
	$row = $s->run(steps({ %{ group('g', get('a', '/ok'), get('bad', "/$path")) }, continue_on_error => YES }, get('c', '/ok', condition => q({{steps.bad.error_code}} == 'bad_response' && {{bad}} == null))));
	is(outcome($row), 'success - g=success a=success bad=failed c=success', "/$path passed over");
	still_works("/$path");
}
$row = $s->run(steps(get('a', '/duplicate'), get('b', '/echo?b={{a.a.b}}', output => 'target')));
is(json_text($row->{output}), '"/echo?b=2"', 'of two keys the last is the one that templates read');
$row = $s->run(steps(get('a', '/not-json'), get('b', '/echo?b={{a}}', output => 'target')));
is(json_text($row->{output}), '"/echo?b=%3Chtml%3Esorry%3C%2Fhtml%3E"', 'text is handed on as text');

#
# Deadlines.
#
my $slow = steps(get('a', '/ok'), group('g', get('b', '/ok'), get('c', '/hang')), get('d', '/never'));
$row = $s->run({ %$slow, deadline_ms => 1000 });
is(outcome($row), 'timeout timeout a=success g=timeout b=success c=timeout', 'deadline_ms ends an execution, what was done is recorded');
like($row->{error_message}, qr/\Ano complete reply from \Q$url\E within \d+ ms: the execution's deadline has passed\z/, 'and why');
is($s->ask("SELECT status, current_step FROM connector_executions WHERE id = '$row->{execution_id}'"), 'timeout|c', 'as a timeout');
$s->ask(q(SET connector.max_execution_time = '1s'));
$row = $s->run($slow);
is(outcome($row), 'timeout timeout a=success g=timeout b=success c=timeout', 'connector.max_execution_time does the same');
is(outcome($s->run({ %$slow, deadline_ms => 3_600_000 })), 'timeout timeout a=success g=timeout b=success c=timeout', 'a definition cannot ask for more');
$mock->forget;
$row = $s->run(steps(get('a', '/drip?ms=250&bytes=5', continue_on_error => YES), get('b', '/never')));
is(outcome($row), 'timeout timeout a=timeout', 'after it nothing more is begun');
is(scalar $mock->requests('/never'), 0, 'as the server has seen');
$s->ask('RESET connector.max_execution_time');
$mock->reply('/later', { status => 503, headers => [ 'Retry-After' => 3 ] });
$row = $s->run({ %{ steps(get('a', '/later', retries => 5)) }, deadline_ms => 2000 });
is(outcome($row) . " $row->{steps}[0]{attempts}", 'failed server_error a=failed 1', 'a wait that would pass the deadline is not begun');
still_works('after deadlines');

#
# Cancelled.
#
$mock->reply('/wait', { status => 503, headers => [ 'Retry-After' => 50 ] });
my %hanging = (
	'in a group'              => [ $s->save(steps(get('a', '/ok'), group('g', get('b', '/hang'), get('c', '/hang'), get('d', '/ok')))), '/hang', 2 ],
	'waiting for a retry'     => [ $s->save(steps(get('a', '/wait', retries => 5))), '/wait', 1 ],
	'waiting beside others'   => [ $s->save(steps(group('g', get('a', '/wait', retries => 5), get('b', '/wait', retries => 5), get('c', '/ok')))), '/wait', 2 ],
	'in the midst of both'    => [ $s->save(steps(group('g', get('a', '/wait', retries => 5), get('b', '/hang'), get('c', '/ok')))), '/hang', 1 ]);
still_works('before cancels');
my $open = $s->descriptors;
for my $case (sort keys %hanging)
{
	my ($connector, $path, $count) = @{ $hanging{$case} };
	$mock->forget;
	ok($s->hang("SELECT connector_try_execute('$connector')", sub { $mock->requests($path) >= $count }), "$case: it waits");
	like(slurp_file('/proc/' . $s->pid . '/cmdline'), qr/ connector \Q$connector\E: [ag]/, "$case: the process' title says which step is under way");
	ok($s->cancel, "$case: a cancel ends it");
	still_works("$case, cancelled");
	like($s->ask("SET statement_timeout = '200ms'; SELECT connector_try_execute('$connector'); SET statement_timeout = 0"), qr/57014: canceling statement due to statement timeout/, "$case: so does statement_timeout");
	still_works("$case, timed out");
	$s->ask("SET statement_timeout = '200ms'; BEGIN; SAVEPOINT s; SELECT connector_execute('$connector'); ROLLBACK TO s; COMMIT; SET statement_timeout = 0");
	still_works("$case, rolled back to a savepoint");
	is($s->ask("SELECT count(*) FROM connector_executions WHERE connector_name = '$connector'"), 0, "$case: nothing is recorded");
}
cmp_ok($s->descriptors, '<=', $open, 'there are no more descriptors than before');
is($s->ask(q(SELECT count(*) FROM pg_backend_memory_contexts WHERE name IN ('connector call', 'connector execution'))), 0, 'no context is left');

#
# The deadline is that of the whole, whatever a step may do without.
#
$row = $s->run({ %{ steps(get('a', '/hang', continue_on_error => YES), get('b', '/ok')) }, deadline_ms => 1000 });
is(outcome($row), 'timeout timeout a=timeout', 'a deadline ends the execution although the step may fail');
$row = $s->run({ %{ steps(group('g', get('a', '/hang'), get('b', '/ok'))) }, continue_on_error => YES, deadline_ms => 1000 });
is(outcome($row), 'timeout timeout g=timeout a=timeout b=success', 'in a group, too');

#
# What cannot be made ends a group before anything is sent.
#
$mock->forget;
$row = $s->run(steps(group('g', get('a', '/ok'), get('b', '/ok?x={{input.nothing}}'), get('c', '/ok'))));
is(outcome($row), 'failed input_invalid g=failed a=cancelled b=failed c=cancelled', 'the failure is that of the step that cannot be made');
is($row->{steps}[1]{error_message}, 'the request was not sent, since another step of the group had failed', 'the others say why they were not sent');
is(scalar $mock->requests, 0, 'nothing was sent');
$row = $s->run(steps(group('g', get('a', '/ok'), get('b', '/ok?x={{input.nothing}}', continue_on_error => YES), get('c', '/ok'))));
is(outcome($row), 'success - g=success a=success b=failed c=success', 'but for what may fail');
is(scalar $mock->requests, 2, 'the others are sent');

#
# A remote's reply never raises, whatever the definition's paths make of it.
#
my %many = map { ("k$_" => '$') } 1 .. 190;
$row = $s->run({ url => "$url/json?bytes=2000000", output => \%many });
is(outcome($row), 'failed limit_exceeded step_1=failed', 'an output that jsonb cannot hold');
like($row->{error_message}, qr/^what the paths find in the reply is larger than jsonb can hold/, 'and says so');
still_works('after an output that is too large');

#
# What is left of it all.
#
is($s->ask(q(SELECT count(*) FROM connector_executions WHERE error_code = 'internal')), 0, 'nothing was unexpected');
$s->quit;
is($mock->output, '', 'the mock server had nothing to complain about');
ok(!$node->log_contains('(?:PANIC|FATAL|TRAP):|terminated by signal'), 'nothing bad in the server log');
done_testing();
