/*
 * description.mjs -- a vendor's description of its API, ready to be asked for one operation at a time.
 *
 * Prism resolves every reference of a document before it answers the first request; with Stripe's, where
 * everything refers to everything, that never ends.  Here an operation is made when it is first needed, out
 * of a small document with its path and what that refers to, references kept.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const require = createRequire(import.meta.url);
const yaml = require('@stoplight/yaml');
const { bundleTarget } = require('@stoplight/json');
const { transformOas2Operations } = require('@stoplight/http-spec/oas2/operation');
const { transformOas3Operations } = require('@stoplight/http-spec/oas3/operation');

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

export function readText(directory, file) {
	const bytes = readFileSync(join(directory, file));
	return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString();
}

export function parse(file, text) {
	return /\.ya?ml(\.gz)?$/.test(file) ? yaml.parse(text) : JSON.parse(text);
}

async function readDocument(directory, entry) {
	const files = [entry.file].flat();
	const texts = files.map((file) => readText(directory, file));
	if (!entry.adapter) return parse(files[0], texts[0]);
	const { default: convert } = await import(`./adapters/${entry.adapter}.mjs`);
	return convert(...(convert.text ? texts : texts.map((text, i) => parse(files[i], text))));
}

/* Everything a part of a document refers to, transitively: a copy of the document with only that. */
function prune(document, path) {
	const kept = { ...document, paths: { [path]: document.paths[path] } };
	const seen = new Set();
	delete kept.components;
	delete kept.definitions;
	delete kept.parameters;
	delete kept.responses;
	delete kept.webhooks;
	const visit = (node) => {
		if (node === null || typeof node !== 'object') return;
		if (typeof node.$ref === 'string' && node.$ref.startsWith('#/')) keep(node.$ref);
		for (const value of Object.values(node)) visit(value);
	};
	const keep = (reference) => {
		if (seen.has(reference)) return;
		seen.add(reference);
		const names = pointer(reference);
		const value = names.reduce((node, name) => node?.[name], document);
		if (value === undefined || names[0] === 'paths') return;
		let target = kept;
		for (const name of names.slice(0, -1)) target = target[name] ??= {};
		target[names.at(-1)] = value;
		visit(value);
	};
	if (document.components?.securitySchemes)
		kept.components = { securitySchemes: document.components.securitySchemes };
	visit(document.paths[path]);
	return kept;
}

function pointer(reference) {
	return reference
		.slice(2)
		.split('/')
		.map((part) => decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~'));
}

/*
 * What stands in a good many descriptions and is no valid schema: Prism takes a schema that cannot be compiled
 * for one that everything fits.  Examples that are null say nothing, but would be answered.
 */
function repair(node) {
	if (node === null || typeof node !== 'object') return node;
	if (node.nullable === true && node.type === undefined) {
		delete node.nullable;
		if (Array.isArray(node.enum)) node.enum.push(null);
		for (const key of ['anyOf', 'oneOf'])
			if (Array.isArray(node[key])) node[key].push({ type: 'null' });
	}
	if (Array.isArray(node.enum)) node.enum = [...new Set(node.enum)];
	if (Array.isArray(node.examples))
		node.examples = node.examples.filter((one) => one !== null && one?.value !== null);
	if (node.examples?.length === 0) delete node.examples;
	Object.values(node).forEach(repair);
	return node;
}

/* A form that is described as multipart only may come URL-encoded as well. */
function acceptUrlencoded(operation) {
	const contents = operation.request?.body?.contents;
	const multipart = contents?.find((content) => content.mediaType === 'multipart/form-data');
	if (multipart)
		contents.push({
			...multipart,
			mediaType: 'application/x-www-form-urlencoded',
			borrowed: true,
		});
	return operation;
}

/* "https://{subdomain}.example.com/v2" as an expression for the beginning of a URL. */
function serverPattern(url) {
	const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
	const parts = url.replace(/\/+$/, '').split(/\{[^}]*\}/);
	return new RegExp('^' + parts.map(literal).join('[^/?]+') + '(?=/|$)');
}

function servers(document, item) {
	const own = item?.servers ?? Object.values(item ?? {}).find((value) => value?.servers)?.servers;
	if (own) return own.map((server) => server.url);
	if (document.swagger)
		return (document.schemes ?? ['https']).map(
			(scheme) => `${scheme}://${document.host}${document.basePath ?? ''}`,
		);
	return (document.servers ?? []).map((server) => server.url);
}

function pathPattern(path) {
	const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
	return new RegExp(
		'^' +
			path
				.split(/\{[^}]*\}/)
				.map(literal)
				.join('[^/]+') +
			'/?$',
	);
}

export class Description {
	constructor(entry, document) {
		this.name = [entry.file].flat()[0];
		this.entry = entry;
		this.document = document;
		this.operations = new Map();
		this.paths = Object.keys(document.paths).map((path) => {
			const urls = entry.servers ?? servers(document, document.paths[path]);
			return {
				path,
				pattern: pathPattern(path.split(/[?#]/)[0]),
				servers: urls.map((url) => serverPattern(url)),
			};
		});
	}

	static async load(directory, entry) {
		const document = await readDocument(directory, entry);
		entry.prepare &&
			(await import(`./adapters/${entry.prepare}.mjs`)).default(document, directory);
		return new Description(entry, document);
	}

	/* Operations whose path fits the URL, whatever their method, and the path below the server's. */
	match(url) {
		const found = [];
		for (const candidate of this.paths) {
			const server = candidate.servers.map((pattern) => pattern.exec(url)).find(Boolean);
			const rest = server && url.slice(server[0].length);
			if (rest !== undefined && candidate.pattern.test(rest))
				found.push({
					path: rest.replace(/(?<=.)\/$/, ''),
					operations: this.expand(candidate.path),
				});
		}
		return found;
	}

	expand(path) {
		if (!this.operations.has(path)) {
			const small = prune(this.document, path);
			const transform = small.swagger ? transformOas2Operations : transformOas3Operations;
			const made = transform(small).filter((operation) => METHODS.includes(operation.method));
			this.operations.set(
				path,
				made
					.map((operation) => ({
						document: { ...small, __target__: operation },
						path: '#/__target__',
					}))
					.map((target) => repair(bundleTarget(target)))
					.map((operation) =>
						this.entry.urlencoded ? acceptUrlencoded(operation) : operation,
					),
			);
		}
		return this.operations.get(path);
	}
}
