/*
 * mock.mjs -- one HTTP server that plays all vendors, each by its own description.
 *
 *   node mock.mjs ABOUT DIRECTORY...
 *
 * ABOUT is the directory of descriptions.json, exceptions.json and replies.json, the others have the vendors'
 * descriptions; README.md here tells more of them.
 *
 * It listens on a free port of the loopback interface and prints `listening PORT`.  A request for
 * https://api.example.com/v1/x of the provider p is sent to /p/api.example.com/v1/x.  It is checked against the
 * description: one that fits is answered with the description's example, any other with 422 and the list
 * of violations, so that the caller sees a failure too.  What the description does not have at all is
 * answered with {}, marked `unknown`; whoever asked decides what that means.
 *
 *   GET /-/requests           what was asked since the last time, with the violations of each, as JSON
 *   GET /-/descriptions       providers and what their descriptions are: [{"provider", "files", "missing",
 *                             "elsewhere"}]
 *   GET /-/unused-exceptions  those of exceptions.json that no request has needed so far
 */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Description } from './description.mjs';
import { readForm } from './form.mjs';
import { unknownNames } from './strict.mjs';

const require = createRequire(import.meta.url);
const { default: Ajv } = require('ajv');
const { default: addFormats } = require('ajv-formats');
const { createInstance } = require('@stoplight/prism-http');
const { validateInput, validateSecurity } = require('@stoplight/prism-http/dist/validator');
const { validateAgainstSchema } = require('@stoplight/prism-http/dist/validator/validators/utils');

const [about, ...directories] = process.argv.slice(2);
const sources = readJson('descriptions.json');
const exceptions = readJson('exceptions.json');
const replies = readJson('replies.json');
const loaded = new Map(); // provider => promise of descriptions
const compiled = new WeakMap(); // schema => violations that it is by itself
const ajv = new Ajv({ strict: false, allowUnionTypes: true, logger: false });
let requests = [];
addFormats(ajv);

function readJson(name) {
	return JSON.parse(readFileSync(join(about, name)));
}

const silent = Object.fromEntries(
	['trace', 'debug', 'info', 'success', 'warn', 'error', 'fatal'].map((level) => [
		level,
		() => {},
	]),
);
silent.child = () => silent;

const prism = createInstance(
	{ mock: { dynamic: false }, validateRequest: false, checkSecurity: false, errors: false },
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
		loaded.set(
			provider,
			Promise.all(there.map((entry) => Description.load(directoryOf(entry), entry))),
		);
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

/*
 * Prism makes empty objects of optional parameters in the style of deep objects, and then misses what is
 * required in them.  So it gets to know only those that are given or required.  Bodies that are forms are
 * checked by formViolations.
 */
function relevant(operation, request) {
	const { query = [], body } = operation.request ?? {};
	const given = (one) =>
		request.query.some(([name]) => name === one || name.startsWith(`${one}[`));
	const contents = (body?.contents ?? []).map(({ schema, ...content }) =>
		isForm(content.mediaType) ? content : { ...content, schema },
	);
	return {
		...operation,
		request: {
			...operation.request,
			query: query.filter((one) => one.required || given(one.name)),
			...(body && { body: { ...body, contents } }),
		},
	};
}

function isForm(mediaType) {
	return mediaType === 'application/x-www-form-urlencoded';
}

function mediaTypeOf(request) {
	return (request.headers['content-type'] ?? '').split(';')[0].trim().toLowerCase();
}

/* The body as the value that a schema is about, and the schema. */
function readBody(operation, request) {
	const type = mediaTypeOf(request);
	const contents = operation.request?.body?.contents ?? [];
	const content =
		contents.find((one) => one.mediaType === type) ??
		contents.find((one) => one.mediaType === '*/*');
	const schema = content?.schema;
	if (!schema || !request.body) return {};
	if (isForm(type)) return { schema, value: readForm(request.body, schema, operation) };
	if (/json$/.test(type)) return { schema, value: JSON.parse(request.body) };
	return {};
}

function formViolations(operation, request, { schema, value }) {
	if (value === undefined || !isForm(mediaTypeOf(request))) return [];
	const copy = structuredClone(value); // numbers and booleans are made of its texts
	const found = validateAgainstSchema(copy, schema, true, 'input', 'body', operation.__bundled__);
	return found._tag === 'Some' ? found.value : [];
}

/* Prism's findings; a warning (a deprecated parameter) is none. */
function prismViolations(operation, path, request) {
	const element = {
		method: operation.method,
		url: { path, query: groupQuery(request.query) },
		headers: request.headers,
		body: bodyForPrism(request),
	};
	const resource = relevant(operation, request);
	return [validateSecurity, validateInput]
		.map((validate) => validate({ resource, element }))
		.flatMap((result) => (result._tag === 'Left' ? result.left : []));
}

/* Prism lets everything pass where a schema cannot be compiled. */
function uncheckable(operation, schema) {
	if (!compiled.has(schema)) {
		try {
			ajv.compile({ ...schema, __bundled__: operation.__bundled__ });
			compiled.set(schema, []);
		} catch (error) {
			compiled.set(schema, [{ path: 'schema', message: error.message }]);
		}
	}
	return compiled.get(schema);
}

function uncheckables(operation, request) {
	const { query = [], path = [], headers = [] } = operation.request ?? {};
	return [
		readBody(operation, request).schema,
		...[...query, ...path, ...headers].map((one) => one.schema),
	]
		.filter(Boolean)
		.flatMap((schema) => uncheckable(operation, schema));
}

function allViolations(operation, path, request) {
	const body = readBody(operation, request);
	const found = [
		...prismViolations(operation, path, request),
		...formViolations(operation, request, body),
	]
		.filter((one) => one.severity === 0)
		.map((one) => ({ path: (one.path ?? []).join('.'), message: one.message }));
	return [
		...found,
		...uncheckables(operation, request),
		...unknownNames(operation, request, body.value, body.schema),
	];
}

/* The description's example; where its lists are empty, one made from the schema. */
async function example(operation, path, request) {
	const { method } = operation;
	const accept = request.headers.accept ?? '';
	const isDescribed = operation.responses
		.flatMap((response) => response.contents ?? [])
		.some((content) => accept.includes(content.mediaType)); // vendors answer JSON to media types of their own
	const headers = isDescribed ? { accept } : {};
	const ask = (mock) =>
		prism.request({ method, url: { path }, headers }, [operation], { mock })();
	const plain = (await ask({ dynamic: false })).right?.output;
	if (plain && !hasEmptyList(plain.body)) return plain;
	return (await ask({ dynamic: false, ignoreExamples: true })).right?.output ?? plain;
}

function hasEmptyList(body) {
	const isEmpty = (value) => Array.isArray(value) && value.length === 0;
	return isEmpty(body) || (typeof body === 'object' && Object.values(body ?? {}).some(isEmpty));
}

/* Where a description is wrong and exceptions.json says so, the violation does not count. */
function excuse(request, path, violations) {
	const mine = exceptions.filter(
		(one) =>
			one.provider === request.provider &&
			['*', request.method].includes(one.method) &&
			['*', path].includes(one.path),
	);
	const excuseOf = (violation) =>
		mine.find((one) => one.violation === `${violation.path} ${violation.message}`.trim());
	const needed = violations.map(excuseOf).filter(Boolean);
	for (const one of needed) one.used = true;
	return {
		violations: violations.filter((violation) => !excuseOf(violation)),
		excused: needed.length,
		doubts: needed.filter((one) => one.matters).map((one) => `${one.violation} (excused)`),
	};
}

/* Replies of replies.json, for where the description has none that could be read. */
function ownReply(request, path) {
	const own = replies.find(
		(one) =>
			one.provider === request.provider && one.method === request.method && one.path === path,
	);
	return own && jsonOutput(own.reply);
}

function jsonOutput(body) {
	return { statusCode: 200, headers: { 'content-type': 'application/json' }, body };
}

function notThere(request, what) {
	const path = new URL(request.url).pathname;
	const output = ownReply(request, path) ?? jsonOutput({});
	const violation = { path: what, message: 'is not in the description' };
	return { ...excuse(request, path, [violation]), operation: path, output, unknown: true };
}

/* What the descriptions have for a request: its path, operations, and the entry of descriptions.json. */
async function matches(request) {
	return (await descriptions(request.provider)).flatMap((one) =>
		one.match(request.url).map((match) => ({ ...match, entry: one.entry })),
	);
}

/* The operation that a request violates least, concrete paths first. */
function best(found, request) {
	const method = request.method.toLowerCase();
	return found
		.flatMap(({ operations, ...where }) =>
			operations.map((operation) => ({ ...where, operation })),
		)
		.filter(({ operation }) => operation.method === method)
		.sort((a, b) => templates(a.operation.path) - templates(b.operation.path))
		.map((candidate) => {
			const { path, operation } = candidate;
			const all = allViolations(operation, path, request);
			return { ...candidate, ...excuse(request, operation.path, all) };
		})
		.sort((a, b) => a.violations.length - b.violations.length)[0];
}

/*
 * What the description says to a request, and why that may be less than a proof: `doubts`, and `ours`, the
 * reply is not the description's.
 */
async function answer(request) {
	const found = await matches(request);
	if (found.length === 0) return notThere(request, 'url');
	const candidate = best(found, request);
	if (!candidate) return notThere(request, 'method');
	const { entry, path, operation, violations, excused, doubts } = candidate;
	const files = [entry.file].flat();
	const own = ownReply(request, operation.path);
	if (borrows(operation, request)) entry.used = true;
	if (entry.origin === 'third-party') doubts.push(`${files[0]} is not the vendor's`);
	return {
		violations,
		excused,
		doubts,
		files,
		operation: operation.path,
		output: own ?? (await example(operation, path, request)),
		ours: Boolean(own),
	};
}

/* Is it a form that only `urlencoded` of descriptions.json lets pass? */
function borrows(operation, request) {
	const contents = operation.request?.body?.contents ?? [];
	return contents.some((one) => one.borrowed && one.mediaType === mediaTypeOf(request));
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
		Object.entries(output.headers ?? {}).filter(
			([name]) => !/^(content-length|transfer-encoding|content-encoding)$/i.test(name),
		),
	);
	const body = output.body === undefined ? '' : output.body;
	reply(
		response,
		output.statusCode,
		headers,
		typeof body === 'string' ? body : JSON.stringify(body),
	);
}

/* Permissions that no request has needed so far: exceptions, and forms in another encoding. */
function unused() {
	const forms = Object.entries(sources).flatMap(([provider, { documents }]) =>
		documents
			.filter((entry) => entry.urlencoded && !entry.used)
			.map((entry) => ({ provider, method: '*', path: '*', violation: 'urlencoded' })),
	);
	return [...exceptions.filter((one) => !one.used), ...forms];
}

function describe() {
	return Object.entries(sources).map(([provider, { documents, elsewhere = null }]) => ({
		provider,
		elsewhere,
		files: documents.filter(directoryOf).flatMap((entry) => entry.file),
		missing: documents
			.filter((entry) => !directoryOf(entry))
			.map((entry) => [entry.file].flat()[0]),
	}));
}

function takeRequests() {
	const taken = requests;
	requests = [];
	return taken;
}

const controls = {
	'/-/requests': takeRequests,
	'/-/descriptions': describe,
	'/-/unused-exceptions': unused,
};

function control(message, response) {
	const what = controls[message.url];
	replyJson(response, what ? 200 : 404, what ? what() : {});
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
	const { output, violations, ...about } = result;
	requests.push({ ...request, ...about, violations });
	if (violations.length > 0 && !about.unknown) replyJson(response, 422, { violations });
	else replyOutput(response, output ?? jsonOutput({}));
}

const server = createServer((message, response) => serve(message, response));
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
