/*
 * mock.mjs -- one HTTP server that plays all vendors, each by its own description.
 *
 *   node mock.mjs DIRECTORY...     directories with the vendors' descriptions
 *
 * It listens on a free port of the loopback interface and prints `listening PORT`.  A request for
 * https://api.example.com/v1/x of the provider p is sent to /p/api.example.com/v1/x.  It is checked against the
 * description: one that fits is answered with the description's example, any other with 422 and the list
 * of violations, so that the caller sees a failure too.
 *
 *   GET /-/requests     what was asked since the last time, with the violations of each, as JSON
 *   GET /-/descriptions providers and what their descriptions are: [{"provider", "files", "missing"}]
 */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Description } from './description.mjs';
import { unknownNames } from './strict.mjs';

const require = createRequire(import.meta.url);
const { createInstance } = require('@stoplight/prism-http');

const directories = process.argv.slice(2);
const sources = JSON.parse(readFileSync(new URL('descriptions.json', import.meta.url)));
const loaded = new Map(); // provider => promise of descriptions
let requests = [];

const silent = Object.fromEntries(
	['trace', 'debug', 'info', 'success', 'warn', 'error', 'fatal'].map((level) => [level, () => {}]),
);
silent.child = () => silent;

const prism = createInstance(
	{
		mock: { dynamic: false },
		validateRequest: true,
		validateResponse: false,
		checkSecurity: true,
		errors: false,
	},
	{ logger: silent },
);

/* The directory that has all files of an entry. */
function directoryOf(entry) {
	return directories.find((directory) =>
		[entry.file].flat().every((file) => existsSync(join(directory, file))),
	);
}

function descriptions(provider) {
	if (!loaded.has(provider)) {
		const entries = sources[provider]?.documents ?? [];
		const there = entries.filter(directoryOf);
		loaded.set(provider, Promise.all(there.map((entry) => Description.load(directoryOf(entry), entry))));
	}
	return loaded.get(provider);
}

/* "/p/api.example.com/v1/x?a=b" => what was asked of whom. */
function readRequest(message, body) {
	const [path, search = ''] = message.url.split(/\?(.*)/s);
	const [, provider, host, rest] = /^\/([^/]+)\/([^/]+)(.*)$/s.exec(path) ?? [];
	return {
		provider,
		method: message.method,
		url: `https://${host}${rest}`,
		query: [...new URLSearchParams(search)],
		headers: message.headers,
		body,
	};
}

function groupQuery(pairs) {
	const grouped = {};
	for (const [name, value] of pairs)
		grouped[name] = name in grouped ? [grouped[name], value].flat() : value;
	return grouped;
}

function bodyForPrism(request) {
	if (!request.body) return undefined;
	if (/json/.test(request.headers['content-type'] ?? '')) return JSON.parse(request.body);
	return request.body;
}

async function ask(operation, path, request) {
	const answer = await prism.request(
		{
			method: request.method.toLowerCase(),
			url: { path, query: groupQuery(request.query) },
			headers: request.headers,
			body: bodyForPrism(request),
		},
		[operation],
	)();
	if (answer._tag === 'Left') return { violations: [{ path: '', message: answer.left.message }] };
	return {
		output: answer.right.output,
		violations: [
			...answer.right.validations.input
				.filter((one) => one.severity === 0)
				.map((one) => ({ path: (one.path ?? []).join('.'), message: one.message })),
			...unknownNames(operation, request),
		],
	};
}

/* The best of all operations that the URL and method could mean: concrete paths before templates. */
async function answer(request) {
	const found = (await descriptions(request.provider)).flatMap((one) =>
		one.match(request.url).map((match) => ({ ...match, file: one.name })),
	);
	const method = request.method.toLowerCase();
	const fitting = found.flatMap(({ path, operations, file }) =>
		operations
			.filter((operation) => operation.method === method)
			.map((operation) => ({ path, operation, file })),
	);
	let best = null;
	if (found.length === 0) return { violations: [{ path: 'url', message: 'no path of the description fits' }] };
	if (fitting.length === 0)
		return { violations: [{ path: 'method', message: `the description has no ${request.method} there` }] };
	fitting.sort((a, b) => templates(a.operation.path) - templates(b.operation.path));
	for (const { path, operation, file } of fitting) {
		const result = { ...(await ask(operation, path, request)), file, operation: operation.path };
		if (!best || result.violations.length < best.violations.length) best = result;
		if (best.violations.length === 0) break;
	}
	return best;
}

function templates(path) {
	return (path.match(/\{/g) ?? []).length;
}

function reply(response, status, headers, body) {
	response.writeHead(status, headers);
	response.end(body);
}

function replyJson(response, status, value) {
	reply(response, status, { 'content-type': 'application/json' }, JSON.stringify(value));
}

function replyOutput(response, output) {
	const headers = Object.fromEntries(
		Object.entries(output.headers ?? {}).filter(([name]) => !/^(content-length|transfer-encoding|content-encoding)$/i.test(name)),
	);
	const body = output.body === undefined ? '' : output.body;
	reply(response, output.statusCode, headers, typeof body === 'string' ? body : JSON.stringify(body));
}

async function control(message, response) {
	if (message.url === '/-/requests') {
		replyJson(response, 200, requests);
		requests = [];
	} else if (message.url === '/-/descriptions')
		replyJson(
			response,
			200,
			Object.entries(sources).map(([provider, { documents }]) => ({
				provider,
				files: documents.filter(directoryOf).map((entry) => [entry.file].flat()[0]),
				missing: documents.filter((entry) => !directoryOf(entry)).map((entry) => [entry.file].flat()[0]),
			})),
		);
	else replyJson(response, 404, {});
}

async function serve(message, response) {
	const chunks = [];
	for await (const chunk of message) chunks.push(chunk);
	if (message.url.startsWith('/-/')) return control(message, response);
	const request = readRequest(message, Buffer.concat(chunks).toString());
	let result;
	try {
		result = await answer(request);
	} catch (error) {
		result = { violations: [{ path: '', message: `the mock server failed: ${error.stack}` }] };
	}
	requests.push({ ...request, file: result.file, operation: result.operation, violations: result.violations });
	if (result.violations.length > 0) replyJson(response, 422, { violations: result.violations });
	else replyOutput(response, result.output);
}

const server = createServer((message, response) => serve(message, response));
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
