/*
 * strict.mjs -- what Prism lets through: names that the description does not have.
 *
 * A misspelled optional parameter is valid by the rules of OpenAPI, and exactly the mistake that a contract
 * test is for.  So unknown query parameters are violations, and so are unknown members of bodies wherever
 * the description lists members and does not say that there may be others.
 */
function resolve(schema, operation) {
	for (let depth = 0; schema?.$ref && depth < 20; depth++)
		schema = schema.$ref
			.slice(2)
			.split('/')
			.reduce(
				(node, name) =>
					node?.[decodeURIComponent(name).replaceAll('~1', '/').replaceAll('~0', '~')],
				operation,
			);
	return schema;
}

/* The schemas that speak about one value: the schema and all it combines. */
export function parts(schema, operation, seen = new Set()) {
	const plain = resolve(schema, operation);
	if (!plain || typeof plain !== 'object' || seen.has(plain)) return [];
	seen.add(plain);
	const combined = [...(plain.allOf ?? []), ...(plain.anyOf ?? []), ...(plain.oneOf ?? [])];
	return [plain, ...combined.flatMap((other) => parts(other, operation, seen))];
}

function isObjectSchema(schema) {
	return Boolean(schema.properties || schema.additionalProperties || schema.patternProperties);
}

function isOpen(schema) {
	const says = schema.additionalProperties;
	return Boolean(schema.patternProperties || says === true || (says && typeof says === 'object'));
}

/* Paths of members of value that no schema names. */
function unknownMembers(value, schema, operation, path) {
	const all = parts(schema, operation);
	if (Array.isArray(value)) {
		const items = all.map((part) => part.items).filter(Boolean);
		return value.flatMap((item, i) =>
			unknownMembers(item, { anyOf: items }, operation, `${path}[${i}]`),
		);
	}
	const described = all.filter(isObjectSchema);
	if (value === null || typeof value !== 'object' || described.length === 0) return [];
	return Object.entries(value).flatMap(([name, member]) => {
		const own = described.map((part) => part.properties?.[name]).filter(Boolean);
		if (own.length > 0)
			return unknownMembers(member, { anyOf: own }, operation, `${path}.${name}`);
		return described.some(isOpen) ? [] : [`${path}.${name}`];
	});
}

function bodyViolations(value, schema, operation) {
	if (value === undefined || !schema) return [];
	return unknownMembers(value, schema, operation, 'body').map((path) => ({
		path,
		message: 'is not in the description',
	}));
}

function securityNames(operation) {
	return (operation.security ?? [])
		.flat()
		.filter((scheme) => scheme.type === 'apiKey' && scheme.in === 'query')
		.map((scheme) => scheme.name);
}

function queryViolations(operation, request) {
	const known = new Set([
		...(operation.request?.query ?? []).map((one) => one.name),
		...securityNames(operation),
	]);
	const isKnown = (name) =>
		known.has(name) || known.has(`${name}[]`) || known.has(name.replace(/\[.*$/, ''));
	return [...new Set(request.query.map(([name]) => name))]
		.filter((name) => !isKnown(name))
		.map((name) => ({ path: `query.${name}`, message: 'is not in the description' }));
}

/* body: the value that the schema is about, undefined if there is none. */
export function unknownNames(operation, request, body, schema) {
	return [...queryViolations(operation, request), ...bodyViolations(body, schema, operation)];
}
