/*
 * google.mjs -- a Google discovery document as OpenAPI 3.
 *
 * Discovery documents are close to JSON Schema: schemas refer to each other by bare names, parameters have
 * their place in `location`, `repeated` means that a parameter may come more than once.  Formats (int64 as
 * text and the like) are left out: what matters here is paths, names, types and enumerations.
 */
const KEPT = ['type', 'enum', 'pattern', 'default', 'description'];

function schema(source) {
	if (source.$ref) return { $ref: `#/components/schemas/${source.$ref}` };
	const result = {};
	for (const key of KEPT) if (source[key] !== undefined) result[key] = source[key];
	if (result.type === 'any') delete result.type;
	if (result.default !== undefined && result.type !== 'string') delete result.default; // always text there
	if (source.properties) result.properties = mapValues(source.properties, schema);
	if (source.items) result.items = schema(source.items);
	if (source.additionalProperties)
		result.additionalProperties = schema(source.additionalProperties);
	return result;
}

function mapValues(object, convert) {
	return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, convert(value)]));
}

function parameter(name, source) {
	const plain = schema(source);
	return {
		name,
		in: source.location,
		required: source.location === 'path' || Boolean(source.required),
		schema: source.repeated ? { type: 'array', items: plain } : plain,
	};
}

function parameters(named = {}) {
	return Object.entries(named).map(([name, source]) => parameter(name, source));
}

function operation(method, common) {
	const result = {
		operationId: method.id,
		parameters: [...parameters(method.parameters), ...common],
		responses: { 200: { description: 'success' } },
	};
	if (method.request) result.requestBody = { required: true, content: json(method.request) };
	if (method.response) result.responses[200].content = json(method.response);
	return result;
}

function json(source) {
	return { 'application/json': { schema: schema(source) } };
}

/* Content has a path of its own: alone (uploadType=media), or with the description before it in two parts. */
function upload(method, common, root) {
	const type = {
		name: 'uploadType',
		in: 'query',
		required: true,
		schema: { enum: ['media', 'multipart'] },
	};
	const plain = operation(method, common);
	return {
		...plain,
		servers: [{ url: root }],
		parameters: [type, ...plain.parameters.filter((one) => one.name !== 'uploadType')],
		requestBody: { required: true, content: { '*/*': {} } },
	};
}

function* methods(node) {
	yield* Object.values(node.methods ?? {});
	for (const child of Object.values(node.resources ?? {})) yield* methods(child);
}

export default function convert(document) {
	const common = parameters(document.parameters);
	const paths = {};
	for (const method of methods(document)) {
		const verb = method.httpMethod.toLowerCase();
		const path = '/' + method.path.replace(/\{\+/g, '{');
		const { simple } = method.mediaUpload?.protocols ?? {};
		(paths[path] ??= {})[verb] = operation(method, common);
		if (simple) (paths[simple.path] ??= {})[verb] = upload(method, common, document.rootUrl);
	}
	return {
		openapi: '3.0.3',
		info: { title: document.title, version: document.version },
		servers: [{ url: document.baseUrl.replace(/\/$/, '') }],
		paths,
		components: { schemas: mapValues(document.schemas ?? {}, schema) },
	};
}
