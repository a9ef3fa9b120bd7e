/*
 * postman.mjs -- Postman request objects, one a request and gathered in folders, as OpenAPI 3.
 *
 * A collection is a list of samples, so little can be checked: method, path, names of query parameters, and
 * where the sample's body is JSON its top-level names, which the vendor means as examples (a record has
 * the fields of its object).  Variables ({{version}}, :SOBJECT, <ID>) become path parameters.
 */
function templated(path) {
	const names = new Map();
	const name = (text) => {
		const base = text.replace(/[^A-Za-z0-9]/g, '_').replace(/^_+|_+$/g, '') || 'value';
		const count = (names.get(base) ?? 0) + 1;
		names.set(base, count);
		return `{${count > 1 ? base + count : base}}`;
	};
	return path
		.split('/')
		.map((part) =>
			part
				.replace(/\{\{([^}]*)\}\}/g, (_, text) => name(text))
				.replace(/^:([A-Za-z_][A-Za-z0-9_-]*)/, (_, text) => name(text))
				.replace(/<([^>]*)>/g, (_, text) => name(text)),
		)
		.join('/');
}

function sampleBody(request) {
	const text = request.rawModeData ?? (typeof request.data === 'string' ? request.data : null);
	if (!text) return null;
	try {
		return JSON.parse(text);
	} catch {
		return null;
	}
}

function operation(request, path) {
	const inPath = [...path.matchAll(/\{([^}]+)\}/g)].map((match) => match[1]);
	const inQuery = (request.queryParams ?? []).map((pair) => pair.key).filter(Boolean);
	const sample = sampleBody(request);
	const result = {
		summary: request.name,
		parameters: [
			...inPath.map((name) => ({
				name,
				in: 'path',
				required: true,
				schema: { type: 'string' },
			})),
			...[...new Set(inQuery)].map((name) => ({
				name,
				in: 'query',
				schema: { type: 'string' },
			})),
		],
		responses: { 200: { description: 'not described' } },
	};
	if (!['GET', 'HEAD'].includes(request.method)) {
		const content = sample
			? {
					'application/json': {
						schema: { type: Array.isArray(sample) ? 'array' : 'object' },
					},
				}
			: { '*/*': {} };
		result.requestBody = { content };
	}
	return result;
}

function* requests(folders) {
	for (const folder of Object.values(folders)) yield* Object.values(folder);
}

export default function convert(document) {
	const paths = {};
	for (const request of requests(document.folders)) {
		const [, below] =
			/^(?:\{\{(?:_endpoint|url|site)\}\})+(\/.*)$/.exec(request.url ?? '') ?? [];
		if (!below) continue;
		const path = templated(below.split('?')[0]);
		const item = (paths[path.replace(/(?<=.)\/$/, '')] ??= {});
		const method = request.method.toLowerCase();
		const made = operation(request, path);
		if (item[method]) merge(item[method], made);
		else item[method] = made;
	}
	return {
		openapi: '3.0.3',
		info: { title: document.info.name, version: '0' },
		servers: [
			{ url: 'https://{domain}', variables: { domain: { default: 'login.salesforce.com' } } },
		],
		paths,
	};
}

/* Two samples of one request: their query parameters together. */
function merge(kept, other) {
	for (const parameter of other.parameters)
		if (
			!kept.parameters.some(
				(known) => known.in === parameter.in && known.name === parameter.name,
			)
		)
			kept.parameters.push(parameter);
}
