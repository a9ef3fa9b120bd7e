/*
 * stone.mjs -- Dropbox's interface definitions (Stone) as OpenAPI 3.
 *
 * Several files make one document, one namespace each.  What is read: routes with their argument, result and
 * style, structs, unions, aliases and the examples of structs.  A namespace that is not there (imports of
 * files nobody has) makes its types free.
 *
 * A route is POST /2/<namespace>/<route>: style rpc has the argument as JSON body, upload and download have
 * it in the header Dropbox-API-Arg, which is checked as far as being there.
 */
const LINE = /^( *)(\S.*)$/;

/* Lines without comments, texts and blank lines: [indent, text]. */
function lines(text) {
	const bare = text
		.replace(/"(?:[^"\\]|\\[\s\S])*"/g, (literal) => (literal.includes('\n') ? '""' : literal))
		.replace(/#.*$/gm, '');
	return bare
		.split('\n')
		.map((line) => LINE.exec(line))
		.filter((match) => match && !match[2].startsWith('"'))
		.map((match) => [match[1].length, match[2].trim()]);
}

/* Blocks of lines that begin at column 0, each with its body; a parenthesis may go over several lines. */
function blocks(text) {
	const result = [];
	for (const [indent, line] of lines(text)) {
		const last = result.at(-1);
		if (last && open(last.head)) last.head += ' ' + line;
		else if (indent === 0) result.push({ head: line, body: [] });
		else last?.body.push([indent, line]);
	}
	return result;
}

function open(text) {
	const bare = text.replace(/"(?:[^"\\]|\\.)*"/g, '');
	return (bare.match(/\(/g) ?? []).length > (bare.match(/\)/g) ?? []).length;
}

/* Declarations inside a block, its own examples and subtypes apart; lines of open parentheses joined. */
function members(body) {
	const result = [];
	const indent = body[0]?.[0];
	let section = null;
	for (const [depth, line] of body) {
		const last = result.at(-1);
		if (last && !section && open(last)) result[result.length - 1] += ' ' + line;
		else if (depth === indent) {
			section = /^(example|union|union_closed|attrs)\b/.test(line) ? line : null;
			if (!section) result.push(line);
		}
	}
	return result;
}

const PRIMITIVES = {
	String: 'string',
	Bytes: 'string',
	Timestamp: 'string',
	Boolean: 'boolean',
	Int32: 'integer',
	Int64: 'integer',
	UInt32: 'integer',
	UInt64: 'integer',
	Float32: 'number',
	Float64: 'number',
};

class Namespaces {
	constructor(texts) {
		this.schemas = {};
		this.routes = [];
		this.names = new Set();
		this.polymorphic = new Set();
		for (const text of texts) this.read(text);
	}

	read(text) {
		const [first, ...rest] = blocks(text);
		const namespace = /^namespace (\w+)/.exec(first.head)[1];
		for (const { head, body } of rest) {
			const [, kind, name] = /^(\w+)\s+(\S+)?/.exec(head) ?? [];
			if (kind === 'struct') {
				this.schemas[`${namespace}.${name}`] = this.struct(namespace, head, body);
				this.subtypes(namespace, name, body);
			} else if (/^union/.test(kind))
				this.schemas[`${namespace}.${name}`] = this.union(namespace, head, body);
			else if (kind === 'alias')
				this.schemas[`${namespace}.${name}`] = this.type(
					namespace,
					head.slice(head.indexOf('=') + 1).trim(),
				);
			else if (kind === 'route') this.routes.push(this.route(namespace, head, body));
		}
	}

	struct(namespace, head, body) {
		const parent = / extends ([\w.]+)/.exec(head)?.[1];
		const result = { type: 'object', properties: {}, required: [] };
		for (const line of members(body)) {
			const match = /^(\w+) ([\w.]+(?:\(.*\))?\??)(\s*=.*)?$/.exec(line);
			if (!match) continue;
			const [, name, type, given] = match;
			result.properties[name] = this.type(namespace, type);
			if (!given && !type.trim().endsWith('?')) result.required.push(name);
		}
		if (result.required.length === 0) delete result.required;
		return parent ? { allOf: [this.reference(namespace, parent), result] } : result;
	}

	/* A struct that is always one of several others: {".tag": "file", ...}. */
	subtypes(namespace, name, body) {
		const start = body.findIndex(([, line]) => /^union(_closed)?$/.test(line));
		if (start < 0) return;
		const rest = body.slice(start + 1);
		const end = rest.findIndex(([depth]) => depth <= body[start][0]);
		this.schemas[`${namespace}.${name}.any`] = {
			anyOf: (end < 0 ? rest : rest.slice(0, end)).map(([, line]) => {
				const [tag, type] = line.split(' ');
				const tagged = {
					type: 'object',
					properties: { '.tag': { type: 'string', enum: [tag] } },
					required: ['.tag'],
				};
				return { allOf: [tagged, this.reference(namespace, type)] };
			}),
		};
		this.polymorphic.add(`${namespace}.${name}`);
	}

	/* "tag", {".tag": "tag"} or {".tag": "tag", ...fields}. */
	union(namespace, head, body) {
		const parent = / extends ([\w.]+)/.exec(head)?.[1];
		const tags = members(body)
			.map((line) => /^(\w+)\*?/.exec(line)?.[1])
			.filter(Boolean);
		const own = [
			{ type: 'string', enum: [...tags, 'other'] },
			{
				type: 'object',
				properties: { '.tag': { type: 'string', enum: [...tags, 'other'] } },
				required: ['.tag'],
				additionalProperties: true,
			},
		];
		return { anyOf: parent ? [...own, this.reference(namespace, parent)] : own };
	}

	type(namespace, text) {
		const bare = text.trim().replace(/\?$/, '').trim();
		const nullable = text.trim().endsWith('?');
		const schema = this.plain(namespace, bare);
		return nullable ? { anyOf: [schema, { enum: [null] }] } : schema;
	}

	plain(namespace, text) {
		const [, name, inner = ''] = /^([\w.]+)(?:\((.*)\))?/s.exec(text) ?? [];
		if (name === 'List') return { type: 'array', items: this.type(namespace, first(inner)) };
		if (name === 'Map') return { type: 'object', additionalProperties: true };
		if (name === 'Void') return {};
		if (PRIMITIVES[name]) return limits({ type: PRIMITIVES[name] }, inner);
		return this.reference(namespace, name);
	}

	reference(namespace, name) {
		const full = name.includes('.') ? name : `${namespace}.${name}`;
		this.names.add(full);
		return { $ref: `#/components/schemas/${full}` };
	}

	route(namespace, head, body) {
		const [, name, version, argument, result] =
			/^route ([\w/]+?)(?::(\d+))?\s*\(\s*([^,]+),\s*([^,]+),/.exec(head);
		const attributes = Object.fromEntries(
			body
				.map(([, line]) => /^(\w+) = "?([^"]*)"?$/.exec(line))
				.filter(Boolean)
				.map((match) => [match[1], match[2]]),
		);
		return {
			path: `/2/${namespace}/${name}${version && version !== '1' ? '_v' + version : ''}`,
			style: attributes.style ?? 'rpc',
			host: attributes.host ?? 'api',
			argument: argument === 'Void' ? null : this.type(namespace, argument),
			result: result === 'Void' ? null : this.type(namespace, result),
		};
	}
}

/* The first argument of a list of them. */
function first(text) {
	let depth = 0;
	for (let i = 0; i < text.length; i++) {
		if (text[i] === '(') depth++;
		else if (text[i] === ')') depth--;
		else if (text[i] === ',' && depth === 0) return text.slice(0, i);
	}
	return text;
}

function limits(schema, text = '') {
	const pattern = /pattern="((?:[^"\\]|\\.)*)"/.exec(text);
	const number = (name) => new RegExp(`\\b${name}=(-?[\\d.]+)`).exec(text)?.[1];
	if (pattern) schema.pattern = `^(?:${pattern[1].replaceAll('\\\\', '\\')})$`;
	for (const [from, to] of [
		['min_length', 'minLength'],
		['max_length', 'maxLength'],
		['min_value', 'minimum'],
		['max_value', 'maximum'],
	])
		if (number(from) !== undefined) schema[to] = Number(number(from));
	return schema;
}

const HOSTS = {
	api: 'https://api.dropboxapi.com',
	content: 'https://content.dropboxapi.com',
	notify: 'https://notify.dropboxapi.com',
};

function operation(route) {
	const json = (schema) => ({ 'application/json': { schema } });
	const header = {
		name: 'Dropbox-API-Arg',
		in: 'header',
		required: route.argument !== null,
		schema: { type: 'string', minLength: 2 },
	};
	const result = {
		parameters: [],
		servers: [{ url: HOSTS[route.host] }],
		responses: {
			200: { description: 'success', ...(route.result && { content: json(route.result) }) },
		},
	};
	if (route.style === 'rpc')
		result.requestBody = route.argument
			? { required: true, content: json(route.argument) }
			: { content: json({ enum: [null] }) };
	else result.parameters.push(header);
	if (route.style === 'upload')
		result.requestBody = { content: { 'application/octet-stream': {} } };
	if (route.style === 'download')
		result.responses[200].content = {
			'application/octet-stream': { schema: { type: 'string' } },
		};
	return result;
}

export default function convert(...texts) {
	const all = new Namespaces(texts);
	const paths = Object.fromEntries(
		all.routes.map((route) => [route.path, { post: operation(route) }]),
	);
	for (const name of all.names) all.schemas[name] ??= {};
	for (const name of all.polymorphic) pointToSubtypes(paths, all.schemas, name);
	return {
		openapi: '3.0.3',
		info: { title: 'Dropbox', version: '2' },
		servers: Object.values(HOSTS).map((url) => ({ url })),
		paths,
		components: { schemas: all.schemas },
	};
}
/* Whoever uses a struct with subtypes means one of them; who extends it means it itself. */
function pointToSubtypes(paths, schemas, name) {
	const from = `#/components/schemas/${name}`;
	const visit = (node) => {
		if (node === null || typeof node !== 'object') return;
		if (node.$ref === from) node.$ref += '.any';
		for (const [key, value] of Object.entries(node)) if (key !== 'allOf') visit(value);
	};
	visit(paths);
	for (const schema of Object.values(schemas)) {
		visit(schema);
		for (const part of schema.allOf ?? []) if (!part.$ref) visit(part);
	}
}

convert.text = true;
